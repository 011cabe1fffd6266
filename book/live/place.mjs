// Where the library lies in the browser's file system, and how it gets there.
const LIBRARY = "/lib/dsf", SYMPY = "/lib/sympy.zip";

export function placeLibrary(python, archive) {
  python.unpackArchive(archive, "zip", { extractDir: LIBRARY });
}

export function placeSympy(python, archive) {
  python.FS.writeFile(SYMPY, new Uint8Array(archive));
}

/** Import from both places. */
export function look(python) {
  python.runPython(`import sys; sys.path += ["${LIBRARY}", "${SYMPY}"]`);
}
