// The live checker: an editor, a command line, and what `dsf` prints, in place of the example on the page.
const place = document.querySelector(".live-checker");
const root = new URL(document.documentElement.dataset.root, location.href);
const example = { file: "my_layer.py", text: place.querySelector("pre").textContent, command: "check my_layer.py" };
const LONGEST = 200_000;
const COLOURS = { "\u001b[31m": "no", "\u001b[32m": "yes", "\u001b[33m": "maybe", "\u001b[35m": "open" };
let worker, layers = [], began = 0, state = "loading";

function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

// --- what is on the page ---------------------------------------------------------------------------

const start = make("select", { id: "live-start" }, new Option("the example of this book", ""));
const text = make("textarea", { id: "live-text", rows: 16, spellcheck: false, autocapitalize: "off", wrap: "off" });
const fileName = make("span");
const command = make("input", { id: "live-command", spellcheck: false, autocapitalize: "off", autocomplete: "off" });
const questions = make("datalist", { id: "live-questions" });
const run = make("button", { type: "submit", disabled: true, className: "run" }, "Run");
const cancel = make("button", { type: "button", disabled: true }, "Cancel");
const share = make("button", { type: "button" }, "Copy a link to this");
const status = make("p", { role: "status" });
const bar = make("progress", { ariaLabel: "Progress" });
const step = make("span");
const output = make("pre", { tabIndex: 0, ariaLabel: "What dsf printed" });
const notice = make("p", { className: "notice", hidden: true },
  "This layer came with the link. It is a program: it runs in this page alone, and only when you press Run. Read it first.");
command.setAttribute("list", questions.id);
for (const each of [text, command]) each.setAttribute("autocorrect", "off");
output.setAttribute("role", "region");
output.setAttribute("aria-live", "polite");
const form = make("form", {},
  make("p", {}, make("label", { htmlFor: start.id }, "Start from"), start),
  notice,
  make("label", { htmlFor: text.id }, fileName), text,
  make("p", { className: "line" }, make("label", { htmlFor: command.id }, "$ dsf"), command, questions),
  make("p", { className: "buttons" }, run, cancel, share),
  status, make("p", { className: "step" }, bar, step), output);
document.head.append(make("link", { rel: "stylesheet", href: new URL("page.css", import.meta.url).href }));
place.replaceChildren(form);

const contents = () => ({ file: fileName.textContent, text: text.value, command: command.value });

function fill({ file, text: written, command: asked }) {
  fileName.textContent = file;
  text.value = written;
  command.value = asked;
  const others = ["check NAME", "check NAME --against deltanet gla", "compare NAME gated_deltanet",
    "explain NAME deltanet", "minimal NAME", "show NAME"];
  questions.replaceChildren(...others.map((each) => new Option("", each.replace("NAME", file))));
}

function enter(next, said) {
  state = next;
  status.textContent = said;
  run.disabled = state !== "ready";
  cancel.disabled = state !== "running";
  bar.hidden = state === "ready" || state === "failed";
  step.textContent = "";
  bar.removeAttribute("value");
}

// --- what dsf prints -------------------------------------------------------------------------------

/** The text with a link on each name of a layer that has a page. */
function linked(words) {
  if (!layers.length) return [words];
  const names = layers.map(([name]) => name).join("|");
  return words.split(new RegExp(`(?<![\\w.])(${names})(?!\\w|\\.\\w)`)).map((part, i) =>
    i % 2 ? make("a", { href: new URL(`catalogue/${part.replaceAll("_", "-")}.html`, root).href }, part) : part);
}

function print(words, kind) {
  let colour = kind;
  for (const part of words.split(/(\u001b\[\d*m)/)) {
    if (part.startsWith("\u001b")) colour = part === "\u001b[0m" ? kind : COLOURS[part] ?? colour;
    else if (part) output.append(make("span", { className: colour }, ...linked(part)));
  }
}

function tell(words) {
  if (!words.startsWith("\r")) return print(words, "error");
  step.textContent = words.trim();
  const [, done, all] = words.match(/(\d+) of (\d+)/) ?? [];
  if (all) Object.assign(bar, { max: Number(all), value: Number(done) });
  else bar.removeAttribute("value");
}

/** How many characters fit into a line. */
function columns() {
  const ruler = output.appendChild(make("span", {}, "0".repeat(100)));
  const one = ruler.getBoundingClientRect().width / 100;
  ruler.remove();
  const { paddingLeft, paddingRight } = getComputedStyle(output);
  return Math.floor((output.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight)) / one);
}

// --- the worker ------------------------------------------------------------------------------------

const answers = {
  ready: (python) => enter("ready", `Ready: Python ${python} and the library are in this page.`),
  layers(found) {
    layers = found;
    start.replaceChildren(start.options[0], ...layers.map(([name]) => new Option(name)));
  },
  out: (words) => print(words, ""),
  err: tell,
  done(code) {
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    enter("ready", `Done in ${seconds} s, exit code ${code}.`);
  },
  failed: (why) =>
    enter("failed", `Python could not be loaded: ${why}. This page works from a server, such as python -m http.server.`),
};

function load(said) {
  enter("loading", said);
  // A worker made from an address of its own would be free of this page's content security policy.
  const address = JSON.stringify(new URL("worker.mjs", import.meta.url).href);
  const code = `import(${address}).catch((error) => postMessage({ kind: "failed", value: error.message }));`;
  worker = new Worker(URL.createObjectURL(new Blob([code], { type: "text/javascript" })), { type: "module" });
  worker.onmessage = ({ data: { kind, value } }) => answers[kind](value);
  worker.onerror = (event) => answers.failed(event.message ?? "the worker did not start");
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (state !== "ready") return;
  output.replaceChildren();
  notice.hidden = true;
  began = performance.now();
  enter("running", `Running dsf ${command.value}`);
  worker.postMessage({ ...contents(), columns: columns() });
});
cancel.addEventListener("click", () => {
  worker.terminate();
  load("Cancelled. Python is loaded again.");
});

// --- editing, and links ----------------------------------------------------------------------------

start.addEventListener("change", () => {
  // Going back brings back what was written.
  history.replaceState(contents(), "");
  history.pushState(null, "", location.pathname + location.search);
  const found = layers.find(([name]) => name === start.value);
  if (!found) return fill(example);
  const [name, file, written, shared] = found;
  fill({ file, text: written, command: `check ${file}${shared ? `:${name}` : ""}` });
});
text.addEventListener("keydown", (event) => {
  if (event.key !== "Enter") return;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    form.requestSubmit();
  } else if (!event.shiftKey) {
    const line = text.value.slice(0, text.selectionStart).split("\n").at(-1);
    event.preventDefault();
    // Deprecated, and the only way to type that can be undone.
    document.execCommand("insertText", false, `\n${line.match(/^ */)[0]}${line.endsWith(":") ? "    " : ""}`);
  }
});

async function through(bytes, stream) {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const parts = [];
  for (let size = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
    parts.push(value);
    if ((size += value.length) > LONGEST) throw new Error("it is too long");
  }
}

/** The contents as a fragment: JSON, deflated, in the alphabet of addresses. */
async function fragment() {
  const bytes = new TextEncoder().encode(JSON.stringify(contents()));
  const packed = await through(bytes, new CompressionStream("deflate-raw"));
  const base64 = btoa(Array.from(packed, (x) => String.fromCharCode(x)).join(""));
  return `#layer=${base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

async function fromFragment() {
  if (!location.hash.startsWith("#layer=")) return false;
  try {
    const base64 = location.hash.slice(7).replaceAll("-", "+").replaceAll("_", "/");
    const packed = Uint8Array.from(atob(base64), (x) => x.charCodeAt(0));
    const bytes = await through(packed, new DecompressionStream("deflate-raw"));
    const found = JSON.parse(new TextDecoder().decode(bytes));
    if (!["file", "text", "command"].every((key) => typeof found[key] === "string")) throw new Error("a part is missing");
    fill(found);
    notice.hidden = false;
    return true;
  } catch (error) {
    output.replaceChildren(make("span", { className: "error" }, `The link is damaged: ${error.message}`));
    return false;
  }
}

share.addEventListener("click", async () => {
  history.replaceState(contents(), "", await fragment());
  const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
  status.textContent = copied
    ? "The link is copied. It carries the layer and the command."
    : "The address of this page is the link now. It carries the layer and the command.";
});
// Kept with this entry of the tab's history, so that coming back finds what was written.
addEventListener("pagehide", () => history.replaceState(contents(), ""));
addEventListener("popstate", ({ state: kept }) => kept?.command && fill(kept));
addEventListener("hashchange", fromFragment);

if (history.state?.command) fill(history.state);
else if (!(await fromFragment())) fill(example);
load("Loading Python and the library, about 30 MB, from where this page is.");
