// The directive `claim`: shows what `python -m book.facts` has settled under the claim's label.
import fs from "node:fs";
import path from "node:path";

const FACTS = path.join(import.meta.dirname, "../_facts");

const SHOWN = new Set(["Sizes", "Given", "Maps", "If", "On", "Witness"]);
const words = (node) => node.value ?? (node.children ?? []).map(words).join("");

/** What a reader sees at once, and what unfolds: the proof, and how to check it. */
function folded(body) {
  const [open, more] = [[], []];
  const from = body.findIndex((node) => node.type === "paragraph" && words(node).startsWith("Check it yourself"));
  for (const node of body.slice(0, from)) {
    if (node.type !== "definitionList") {
      open.push(node);
      continue;
    }
    const [seen, rest] = [[], []];
    for (let i = 0; i < node.children.length; i += 2)
      (SHOWN.has(words(node.children[i])) ? seen : rest).push(...node.children.slice(i, i + 2));
    if (seen.length) open.push({ ...node, children: seen });
    if (rest.length) more.push({ ...node, children: rest });
  }
  const summary = { type: "summary", children: [{ type: "text", value: "What shows it, and how to check it yourself" }] };
  return [...open, { type: "details", children: [summary, ...more, ...body.slice(from)] }];
}

function run(data, file, context) {
  const { label } = data.options;
  const written = path.join(FACTS, "claims", `${label}.md`);
  if (!fs.existsSync(written)) {
    file.message(`no facts about the claim ${label}: run python -m book.facts`, data.node).fatal = true;
    return [];
  }
  const [status, title, ...body] = fs.readFileSync(written, "utf8").split("\n");
  const inline = context.parseMyst(title).children[0].children;
  return [{
    type: "proof",
    kind: "claim",
    class: `verdict-${status}`,
    enumerated: true,
    label,
    identifier: label,
    html_id: label,
    children: [
      {
        type: "admonitionTitle",
        children: [
          ...inline,
          { type: "text", value: " — " },
          { type: "span", class: status, children: [{ type: "text", value: status }] },
        ],
      },
      ...folded(context.parseMyst(body.join("\n")).children),
    ],
  }];
}

const claim = {
  name: "claim",
  doc: "A statement that the library settles when the book is built.",
  arg: { type: String, required: true },
  options: {
    label: { type: String, required: true },
    expect: { type: String, required: true },
    given: { type: String },
    sizes: { type: String },
  },
  run,
};

const status = {
  name: "status",
  doc: "A verdict or a relation, in its colour.",
  body: { type: String, required: true },
  run: ({ body }) => [
    { type: "span", class: body.replaceAll(" ", "-"), children: [{ type: "text", value: body }] },
  ],
};

export default { name: "Claims settled by the library", directives: [claim], roles: [status] };
