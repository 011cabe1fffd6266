// The error of one polynomial over the scores, with the radius and the degree to choose.
import { axis, interactive } from "./plot.js";

function error(degree, s) {
  let term = 1, sum = 1;
  for (let p = 1; p <= degree; p++) sum += term *= s / p;
  // Near 0 the difference is lost in rounding; the remainder of the series is not.
  let rest = 0;
  for (let p = degree + 1; p <= degree + 60; p++) rest += term *= s / p;
  return Math.abs(Math.abs(s) < degree / 4 ? rest * Math.exp(-s) : 1 - sum * Math.exp(-s));
}

function draw({ "taylor-R": R, "taylor-P": P }) {
  const points = [];
  for (let i = 0; i <= 240; i++) {
    const s = -R + (2 * R * i) / 240;
    points.push([s, error(P, s) || 1e-30]);
  }
  const largest = error(P, -R);
  const bound = largest < 1 ? `every weight row moves by at most ${(2 * largest / (1 - largest)).toExponential(1)}`
    : "which bounds nothing";
  return {
    x: axis("score s", -R, R, { marks: [-R, 0, R].map((s) => [s, String(s)]) }),
    y: axis("relative error", -8, 4, { powers: true }),
    lines: [["curve", points]],
    said: `The largest error is ${largest.toExponential(1)}, at s = ${-R}; ${bound}.`,
  };
}

for (const drawing of document.querySelectorAll(".drawing.taylor"))
  interactive(drawing, {
    sliders: [
      { id: "taylor-R", text: "largest score R", min: 1, max: 10, value: 2 },
      { id: "taylor-P", text: "degree P", min: 0, max: 30, value: 4 },
    ],
    says: "Relative error of the chosen polynomial over the scores, on a logarithmic scale",
    draw,
  });
