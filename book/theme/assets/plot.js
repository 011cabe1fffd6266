// What drawings with sliders share: the sliders, a plane with axes, and lines in it.
const S = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [620, 240, 56, 12, 8, 34];

function element(name, attributes, parent, text) {
  const made = document.createElementNS(S, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

/**
 * Sliders, a sentence and a plot below a drawing; `draw(values)` is called now and at each change.
 *
 * sliders: [{ id, text, min, max, step, value }]. says: what the plot shows, for those who do not see
 * it. draw gets the values of the sliders by id and gives { x, y, lines, said }: the axes, as `axis`
 * makes them, lines as [class, [[x, y], ...]], and the sentence.
 */
export function interactive(drawing, { sliders, says, draw }) {
  const box = document.createElement("div");
  box.className = "controls";
  for (const { id, text, min, max, step = 1, value } of sliders)
    box.insertAdjacentHTML("beforeend",
      `<label for="${id}">${text}</label>` +
      `<input type="range" id="${id}" min="${min}" max="${max}" step="${step}" value="${value}">` +
      `<output for="${id}">${value}</output>`);
  const said = box.appendChild(document.createElement("p"));
  said.setAttribute("aria-live", "polite");
  const plot = document.createElementNS(S, "svg");
  for (const [key, value] of Object.entries({ viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "plot", role: "img", "aria-label": says }))
    plot.setAttribute(key, value);
  drawing.append(box, plot);

  function show() {
    const values = {};
    for (const input of box.querySelectorAll("input")) {
      values[input.id] = Number(input.value);
      input.nextElementSibling.value = input.value;
    }
    const { x, y, lines, said: sentence } = draw(values);
    const across = (at) => LEFT + x.place(at) * (WIDTH - LEFT - RIGHT);
    const down = (at) => TOP + (1 - y.place(at)) * (HEIGHT - TOP - BOTTOM);
    plot.replaceChildren();
    element("path", { class: "axis", d: `M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}` }, plot);
    for (const [at, text] of y.marks) {
      element("path", { class: "axis", d: `M${LEFT - 4} ${down(at)}h4` }, plot);
      element("text", { x: LEFT - 8, y: down(at) + 4, "text-anchor": "end" }, plot, text);
    }
    for (const [at, text] of x.marks) {
      element("path", { class: "axis", d: `M${across(at)} ${HEIGHT - BOTTOM}v4` }, plot);
      const anchor = x.place(at) > 0.95 ? "end" : "middle";
      element("text", { x: across(at), y: HEIGHT - BOTTOM + 18, "text-anchor": anchor }, plot, text);
    }
    element("text", { x: (LEFT + WIDTH) / 2, y: HEIGHT - 2, "text-anchor": "middle" }, plot, x.name);
    const middle = (TOP + HEIGHT - BOTTOM) / 2;
    element("text", { transform: `translate(12 ${middle}) rotate(-90)`, "text-anchor": "middle" }, plot, y.name);
    // What leaves the axes is cut off there, as by a window.
    const [width, height] = [WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM];
    const window = element("svg", { x: LEFT, y: TOP, width, height, viewBox: `${LEFT} ${TOP} ${width} ${height}` }, plot);
    for (const [kind, points] of lines) {
      const path = points.map(([a, b]) => `${across(a).toFixed(1)} ${down(b).toFixed(1)}`);
      element("path", { class: kind, d: `M${path.join("L")}` }, window);
    }
    said.textContent = sentence;
  }
  box.addEventListener("input", show);
  show();
}

/** An axis from low to high with marks [at, text]; powers: of ten, so that low and high are exponents. */
export function axis(name, low, high, { marks, powers = false } = {}) {
  const place = (at) => ((powers ? Math.log10(at) : at) - low) / (high - low);
  return { name, place, marks: marks ?? powersOfTen(low, high) };
}

function powersOfTen(low, high) {
  const marks = [];
  for (let p = low; p <= high; p += Math.ceil((high - low) / 4)) marks.push([10 ** p, p ? `1e${p}` : "1"]);
  return marks;
}
