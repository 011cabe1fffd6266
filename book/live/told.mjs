// An error of a script is told by its message: Node would print the line of the source, and Pyodide's are long.
process.on("uncaughtException", (error) => {
  console.error(error.message);
  process.exit(1);
});
