// The error of one polynomial over the scores, with the radius and the degree to choose.
const S = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, BOTTOM, LOW, HIGH] = [620, 240, 56, 34, -8, 4];

function element(name, attributes, parent, text) {
  const made = document.createElementNS(S, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}

function error(degree, s) {
  let term = 1, sum = 1;
  for (let p = 1; p <= degree; p++) sum += term *= s / p;
  // Near 0 the difference is lost in rounding; the remainder of the series is not.
  let rest = 0;
  for (let p = degree + 1; p <= degree + 60; p++) rest += term *= s / p;
  return Math.abs(Math.abs(s) < degree / 4 ? rest * Math.exp(-s) : 1 - sum * Math.exp(-s));
}

for (const drawing of document.querySelectorAll(".drawing.taylor")) {
  const box = document.createElement("div");
  box.className = "controls";
  const slider = (text, min, max, value) => {
    const id = `taylor-${text.split(" ").pop()}`;
    box.insertAdjacentHTML("beforeend",
      `<label for="${id}">${text}</label><input type="range" id="${id}" min="${min}" max="${max}" value="${value}">` +
      `<output for="${id}">${value}</output>`);
    return box.querySelector(`#${id}`);
  };
  const radius = slider("largest score R", 1, 10, 2), degree = slider("degree P", 0, 30, 4);
  const said = box.appendChild(document.createElement("p"));
  said.setAttribute("aria-live", "polite");
  const plot = document.createElementNS(S, "svg");
  for (const [key, value] of Object.entries({ viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "plot", role: "img",
    "aria-label": "Relative error of the chosen polynomial over the scores, on a logarithmic scale" }))
    plot.setAttribute(key, value);
  drawing.append(box, plot);

  const x = (s, R) => LEFT + ((s + R) / (2 * R)) * (WIDTH - LEFT - 12);
  const y = (e) => {
    const at = Math.min(HIGH, Math.max(LOW, Math.log10(e)));
    return 8 + ((HIGH - at) / (HIGH - LOW)) * (HEIGHT - BOTTOM - 8);
  };
  function draw() {
    const R = Number(radius.value), P = Number(degree.value);
    for (const input of [radius, degree]) input.nextElementSibling.value = input.value;
    plot.replaceChildren();
    element("path", { class: "axis", d: `M${LEFT} 8V${HEIGHT - BOTTOM}H${WIDTH - 12}` }, plot);
    for (let power = LOW; power <= HIGH; power += 4) {
      element("path", { class: "axis", d: `M${LEFT - 4} ${y(10 ** power)}h4` }, plot);
      element("text", { x: LEFT - 8, y: y(10 ** power) + 4, "text-anchor": "end" }, plot, power ? `1e${power}` : "1");
    }
    for (const s of [-R, 0, R])
      element("text", { x: x(s, R), y: HEIGHT - BOTTOM + 18, "text-anchor": s > 0 ? "end" : "middle" }, plot, String(s));
    element("text", { x: x(0, R), y: HEIGHT - 2, "text-anchor": "middle" }, plot, "score s");
    const points = [];
    for (let i = 0; i <= 240; i++) {
      const s = -R + (2 * R * i) / 240;
      points.push(`${x(s, R).toFixed(1)} ${y(error(P, s) || 1e-30).toFixed(1)}`);
    }
    element("path", { class: "curve", d: `M${points.join("L")}` }, plot);
    const largest = error(P, -R);
    const bound = largest < 1 ? `every weight row moves by at most ${(2 * largest / (1 - largest)).toExponential(1)}`
      : "which bounds nothing";
    said.textContent = `The largest error is ${largest.toExponential(1)}, at s = ${-R}; ${bound}.`;
  }
  radius.addEventListener("input", draw);
  degree.addEventListener("input", draw);
  draw();
}
