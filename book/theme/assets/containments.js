// Pointing at a layer, going to it with the keyboard or typing its name leaves only what it contains
// and what contains it.
for (const drawing of document.querySelectorAll(".drawing.containments")) {
  const svg = drawing.querySelector("svg");
  const nodes = [...svg.querySelectorAll("[data-node]")];
  const inside = new Map(nodes.map((node) => [node.dataset.node, new Set(node.dataset.contains.split(" "))]));
  const related = (a, b) => a === b || inside.get(a).has(b) || inside.get(b).has(a);
  /** Fade all that is not related to one of the chosen nodes; all of them are shown if none is chosen. */
  function show(chosen) {
    const near = (name) => !chosen.length || chosen.some((each) => related(each, name));
    const joined = (a, b) => !chosen.length || chosen.some((each) => related(each, a) && related(each, b));
    for (const node of nodes) node.classList.toggle("faded", !near(node.dataset.node));
    for (const line of svg.querySelectorAll("path")) {
      const shown = joined(line.dataset.from, line.dataset.to);
      line.classList.toggle("faded", !shown);
      line.classList.toggle("chosen", shown && chosen.length > 0);
    }
  }

  const box = document.createElement("div");
  box.className = "controls";
  box.innerHTML = `<label for="filter">Show only</label>
    <input type="search" id="filter" placeholder="part of a name" autocomplete="off"><p aria-live="polite"></p>`;
  drawing.prepend(box);
  const [input, told] = [box.querySelector("input"), box.querySelector("p")];
  const asked = () => input.value.trim().toLowerCase();
  function filter() {
    const matches = nodes.filter((node) => node.textContent.toLowerCase().includes(asked()));
    told.textContent = asked() && !matches.length ? "No layer is called that." : "";
    show(asked() ? matches.map((node) => node.dataset.node) : []);
  }
  input.addEventListener("input", filter);
  for (const node of nodes) {
    for (const event of ["pointerenter", "focusin"]) node.addEventListener(event, () => show([node.dataset.node]));
    for (const event of ["pointerleave", "focusout"]) node.addEventListener(event, filter);
  }
}
