"""The page on which a reader's own layer is checked: `dsf` in the browser, by Pyodide."""
