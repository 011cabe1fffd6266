// Runs `dsf` for the page: Python and the library come from beside this file, and nothing leaves.
import { placeLibrary, placeSympy } from "./place.mjs";
import { loadPyodide } from "./pyodide/pyodide.mjs";

const post = (kind, value) => self.postMessage({ kind, value });

async function ask(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: ${answer.status} ${answer.statusText}`);
  return answer;
}

async function bytes(name) {
  return (await ask(name)).arrayBuffer();
}

/** Python's memory with the library loaded. */
async function memory() {
  const { body } = await ask("memory.bin");
  return new Response(body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function start() {
  const library = bytes("library.zip"), sympy = bytes("sympy.zip");
  const indexURL = new URL("pyodide/", import.meta.url).href;
  const python = await loadPyodide({ indexURL, _loadSnapshot: memory() });
  placeLibrary(python, await library);
  python.runPython("import importlib; importlib.invalidate_caches()");
  const checker = python.pyimport("checker");
  post("ready", python.runPython("sys.version.split()[0]"));
  post("layers", checker.layers().toJs());
  // What the library imports only when it needs it may come later.
  placeSympy(python, await sympy);
  return checker;
}

const started = start();
started.catch((error) => post("failed", error.message));

self.onmessage = async ({ data: { file, text, command, columns } }) => {
  const checker = await started;
  const code = checker.run(file, text, command, columns, (x) => post("out", x), (x) => post("err", x));
  post("done", code);
};
