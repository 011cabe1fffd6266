// Compiles the Python files of an archive with the browser's own Python, which is not the one that
// builds the book: node compile.mjs IN.zip OUT.zip [--without-sources]
import "./told.mjs";
import fs from "node:fs";
import { loadPyodide } from "pyodide";

const [from, to, option] = process.argv.slice(2);
const python = await loadPyodide();
python.FS.writeFile("/from.zip", fs.readFileSync(from));
python.globals.set("keep", option !== "--without-sources");
python.runPython(`
import importlib.util, pathlib, py_compile, warnings, zipfile

# What a newer Python says of the packages' sources is theirs to mend.
warnings.simplefilter("ignore", SyntaxWarning)
UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH
with zipfile.ZipFile("/from.zip") as given, zipfile.ZipFile("/to.zip", "w") as made:
    given.extractall("/tree")
    for entry in given.infolist():
        source, name, content = f"/tree/{entry.filename}", entry.filename, given.read(entry)
        files = {}
        if keep or not name.endswith(".py"):
            files[name] = content
        if name.endswith(".py"):
            # An archive is imported from without __pycache__, a folder with it.
            compiled = importlib.util.cache_from_source(name) if keep else f"{name}c"
            py_compile.compile(source, "/compiled", name, True, invalidation_mode=UNCHECKED)
            files[compiled] = pathlib.Path("/compiled").read_bytes()
        for name, content in files.items():
            # Level 9 takes four times as long as 7 for a hundredth less.
            made.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED, 7)
`);
fs.writeFileSync(to, python.FS.readFile("/to.zip"));
