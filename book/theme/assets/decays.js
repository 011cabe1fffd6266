// What three kinds of memory keep of their first token, with the bounds on their tokens to choose.
import { axis, interactive } from "./plot.js";

const LONGEST = 4;

function draw({ "decay-rate": rate, "decay-score": R }) {
  const times = Array.from({ length: 161 }, (_, i) => 10 ** ((LONGEST * i) / 160) - 1);
  const exponential = (i) => Math.exp(-rate * i);
  const algebraic = (i) => Math.exp(-2 * R) / (i + 1);
  const line = (law) => times.map((i) => [i + 1, Math.max(law(i), 1e-30)]);
  const later = times.find((i) => i && exponential(i) < algebraic(i));
  const when = later === undefined ? "in this picture it keeps more"
    : `from token ${Math.ceil(later)} on it keeps less`;
  return {
    x: axis("tokens since, i + 1", 0, LONGEST, { powers: true }),
    y: axis("what is left", -8, 0, { powers: true }),
    lines: [
      ["curve", line(exponential)],
      ["curve second", line(algebraic)],
      ["curve third", line((i) => Math.exp(-2 * R))],
    ],
    said: `After 100 tokens S6 keeps at most ${exponential(100).toExponential(1)} (blue) and softmax attention at least ` +
      `${algebraic(100).toExponential(1)} (orange), normalised attention at least ${Math.exp(-2 * R).toExponential(1)} (green). ` +
      `S6 compared with what softmax attention keeps at least: ${when}.`,
  };
}

for (const drawing of document.querySelectorAll(".drawing.decays"))
  interactive(drawing, {
    sliders: [
      { id: "decay-rate", text: "least rate times step", min: 0.01, max: 1, step: 0.01, value: 0.1 },
      { id: "decay-score", text: "largest score R", min: 0, max: 4, step: 0.1, value: 1 },
    ],
    says: "Bounds on what is left of the first token, against the tokens since, both on logarithmic scales",
    draw,
  });
