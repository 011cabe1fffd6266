// Writes Python's memory as it is when the library and the catalogue are loaded, so that the page
// need not load them: node snapshot.mjs LIBRARY.zip SYMPY.zip OUT
// Pyodide calls this experimental; its version is pinned.
import "./told.mjs";
import fs from "node:fs";
import { gzipSync } from "node:zlib";
import { loadPyodide } from "pyodide";
import { look, placeLibrary, placeSympy } from "./place.mjs";

const [library, sympy, to] = process.argv.slice(2);
const python = await loadPyodide({ _makeSnapshot: true });
placeLibrary(python, new Uint8Array(fs.readFileSync(library)).buffer);
placeSympy(python, fs.readFileSync(sympy));
look(python);
python.runPython("import checker, gc; checker.layers(); gc.collect()");
fs.writeFileSync(to, gzipSync(python.makeMemorySnapshot(), { level: 7 }));
