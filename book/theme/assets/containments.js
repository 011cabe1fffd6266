// Pointing at a layer, or going to it with the keyboard, leaves only what it contains or is contained in.
for (const svg of document.querySelectorAll("svg.containments")) {
  const nodes = [...svg.querySelectorAll("[data-node]")];
  const inside = new Map(nodes.map((node) => [node.dataset.node, new Set(node.dataset.contains.split(" "))]));
  const related = (a, b) => a === b || inside.get(a).has(b) || inside.get(b).has(a);
  const show = (name) => {
    for (const node of nodes) node.classList.toggle("faded", !!name && !related(name, node.dataset.node));
    for (const line of svg.querySelectorAll("path")) {
      const ends = [line.dataset.from, line.dataset.to];
      line.classList.toggle("faded", !!name && !(ends.every((end) => related(name, end))));
      line.classList.toggle("chosen", !!name && ends.every((end) => related(name, end)));
    }
  };
  for (const node of nodes) {
    node.addEventListener("pointerenter", () => show(node.dataset.node));
    node.addEventListener("focusin", () => show(node.dataset.node));
    node.addEventListener("pointerleave", () => show(""));
    node.addEventListener("focusout", () => show(""));
  }
}
