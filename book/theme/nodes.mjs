// From the nodes of a MyST page to HTML. A node that is not known here ends the build.
import { fromHtml } from "hast-util-from-html";
import { h } from "hastscript";
import katex from "katex";
import { common, createLowlight } from "lowlight";

const lowlight = createLowlight(common);
const OUTPUTS = ["image/svg+xml", "image/png", "text/html", "text/latex", "text/plain"];
const LANGUAGES = { console: "shell", bibtex: "latex", python3: "python", ipython3: "python" };
const PLAIN = new Set(["", "text", "txt", undefined]);
const SHORT = 30;  // TeX of a formula that stays on one line

export const html = (text) => fromHtml(text, { fragment: true }).children;

export const words = (node) =>
  node.value ?? (node.children ?? []).map(words).join("");

/** BibTeX's "and others", which the engine takes for a name. */
export const people = (text) => text.replace(/,? (?:& )?others\b\.?/g, " et al.");

/** Formulas as HTML that is seen and MathML that is heard; a wrong one ends the build. */
export function math(tex, displayMode) {
  const made = katex.renderToString(tex, { displayMode, output: "htmlAndMathml", strict: "error" })
    // A height below zero is not CSS, and browsers pass it over.
    .replace(/(style="|;)height:-[\d.]+em;/g, "$1");
  return displayMode ? h("div", { class: "math", tabIndex: 0 }, html(made)) : html(made);
}

/**
 * Makes the function that turns the nodes of one page into HTML.
 *
 * link: an address of the engine as one that is relative to this page. titleOf: the title of the
 * page at an address. file: the text of a static file. references: what the page cites. scripts:
 * gets the names of those that its drawings need.
 */
export function pageRenderer({ link, titleOf, file, references, scripts }) {
  const all = (node) => (node.children ?? []).map(joined).flatMap(one);
  const id = (node) => node.html_id ?? undefined;
  const wrap = (tag) => (node) => h(tag, { id: id(node) }, all(node));

  /** A text node after a formula, so that no line begins with the point or comma after it. */
  function joined(node, i, siblings) {
    const stays = siblings[i - 1]?.type === "inlineMath" && node.type === "text" && /^[.,;:)?!]/.test(node.value);
    return stays ? { ...node, value: `\u2060${node.value}` } : node;
  }

  function code(text, lang, title, kind) {
    const name = LANGUAGES[lang] ?? lang;
    const known = !PLAIN.has(name) && lowlight.registered(name);
    const inside = known ? lowlight.highlight(name, text).children : text;
    return h("div", { class: ["code", kind] }, [
      title ? h("p", { class: "file" }, title) : null,
      h("pre", { tabIndex: 0, dataLang: lang || undefined }, h("code", inside)),
    ]);
  }

  /** A title and a body: folded where the source says `dropdown`. */
  function box(node, kind, title, body) {
    const attributes = { id: id(node), class: ["box", kind, ...(node.class ?? "").split(" ")] };
    return /\bdropdown\b/.test(node.class ?? "")
      ? h("details", attributes, [h("summary", title), h("div", body)])
      : h("div", attributes, [h("p", { class: "title" }, title), h("div", body)]);
  }

  function titled(node, kind, name) {
    const [head, rest] = [[], []];
    for (const child of node.children ?? [])
      (child.type === "admonitionTitle" ? head : rest).push(child);
    const label = node.enumerator ? `${name} ${node.enumerator}` : name;
    const title = head.flatMap(all);
    const shown = label && title.length ? [h("span", { class: "label" }, label), " ", ...title] : title;
    return box(node, kind, title.length ? shown : [label], rest.flatMap(one));
  }

  function tabs(node) {
    const name = `tabs-${(tabs.count = (tabs.count ?? 0) + 1)}`;
    const cells = node.children.flatMap((item, i) => [
      h("input", { type: "radio", name, id: `${name}-${i}`, checked: i === 0 }),
      h("label", { htmlFor: `${name}-${i}` }, item.title),
      h("div", { class: "panel" }, all(item)),
    ]);
    return h("fieldset", { class: "tabs" }, [
      h("legend", node.children.map((item) => item.title).join(" or ")),
      ...cells,
    ]);
  }

  function image(node) {
    if (!/\.svg$/.test(node.url)) return h("img", { src: link(node.url), alt: node.alt ?? "" });
    return drawing(file(node.url), node.alt);
  }

  /** A drawing as part of the page, so that its lines take the colour of the text. */
  function drawing(text, alt) {
    const svg = html(text.slice(text.indexOf("<svg"))).find((child) => child.tagName === "svg");
    if (!alt) throw new Error("a drawing has no text that says what it shows (alt)");
    const script = svg.properties.dataScript;
    if (script) scripts.add(script);
    // A drawing with a script of its own has links in it, which an image would hide.
    const { width } = svg.properties;
    Object.assign(svg.properties, { role: script ? "group" : "img", ariaLabel: alt, style: width && `--width: ${width}` });
    return h("div", { class: ["drawing", script], tabIndex: 0 }, svg);
  }

  function output(node) {
    const data = node.jupyter_data;
    if (data.output_type === "stream") return code(data.text.trimEnd(), "text", "", "output");
    if (data.output_type === "error") throw new Error(`a cell failed: ${data.ename}: ${data.evalue}`);
    const kind = OUTPUTS.find((name) => data.data[name]);
    if (!kind) throw new Error(`no known output in ${Object.keys(data.data)}`);
    const { content, path } = data.data[kind];
    const text = content ?? (kind === "image/png" ? "" : file(path));
    if (kind === "image/png")
      return h("img", { alt: "", src: path ? link(path) : `data:image/png;base64,${content}` });
    if (kind === "image/svg+xml") return drawing(text, node.alt ?? "the figure made by the code above");
    if (kind === "text/html") return h("div", { class: "output" }, html(text));
    if (kind === "text/latex") return math(text.trim().replace(/^\$+(\\displaystyle)?|\$+$/g, ""), true);
    return code(text, "text", "", "output");
  }

  /** Outputs with all that a cell printed in one piece: the kernel may send it in several. */
  function gathered(outputs) {
    const made = [];
    for (const { ...each } of outputs) {
      const last = made.at(-1)?.jupyter_data;
      if (last?.output_type === "stream" && each.jupyter_data.output_type === "stream")
        made.at(-1).jupyter_data = { ...last, text: last.text + each.jupyter_data.text };
      else made.push(each);
    }
    return made;
  }

  function cells(row, header) {
    return row.children.map((cell) =>
      h(cell.header ? "th" : "td", { scope: cell.header ? (header ? "col" : "row") : undefined }, all(cell)),
    );
  }

  function table(node) {
    const head = node.children.filter((row) => row.children.every((cell) => cell.header));
    const body = node.children.filter((row) => !head.includes(row));
    const made = h("table", [
      head.length ? h("thead", head.map((row) => h("tr", cells(row, true)))) : null,
      h("tbody", body.map((row) => h("tr", cells(row, false)))),
    ]);
    return h("div", { class: "table", tabIndex: 0 }, made);
  }

  const proofName = (kind) => kind[0].toUpperCase() + kind.slice(1);

  const handlers = {
    root: all,
    block: (node) =>
      node.kind === "notebook-code" ? [h("div", { class: "cell" }, all(node))] : all(node),
    text: (node) => ({ type: "text", value: node.value }),
    paragraph: wrap("p"),
    heading: (node) =>
      h(`h${Math.max(2, node.depth)}`, { id: id(node) ?? node.identifier }, [
        ...all(node),
        h("a", { class: "anchor", href: `#${id(node) ?? node.identifier}`, ariaLabel: "link to this section" }, "#"),
      ]),
    strong: wrap("strong"),
    emphasis: wrap("em"),
    subscript: wrap("sub"),
    superscript: wrap("sup"),
    delete: wrap("del"),
    blockquote: wrap("blockquote"),
    thematicBreak: () => h("hr"),
    break: () => h("br"),
    // A long name may go on in the next line after each of its words.
    inlineCode: (node) => h("code", node.value.split(/(?<=[a-z]{2}_)(?=[a-z]{2})/).flatMap((part, i) => (i ? [h("wbr"), part] : [part]))),
    // One line of plain text, such as the step of a layer, goes on below; columns would not survive that.
    code: (node) => code(node.value, node.lang, node.filename, PLAIN.has(node.lang) && !node.value.includes("\n") ? "output" : ""),
    include: all,
    comment: () => [],
    mystComment: () => [],
    mystTarget: () => [],
    mystDirective: all,
    mystRole: all,
    list: (node) => h(node.ordered ? "ol" : "ul", { start: node.start > 1 ? node.start : undefined }, all(node)),
    listItem: (node) => {
      const [first, ...rest] = node.children;
      const tight = first?.type === "paragraph" && rest.every((child) => child.type === "list");
      return h("li", tight ? [...all(first), ...rest.flatMap(one)] : all(node));
    },
    definitionList: wrap("dl"),
    definitionTerm: wrap("dt"),
    definitionDescription: wrap("dd"),
    abbreviation: (node) => h("abbr", { title: node.title }, all(node)),
    span: (node) => h("span", { class: node.class, id: id(node) }, all(node)),
    div: (node) => {
      // What is in it is there for readers without JavaScript.
      if (node.class === "live-checker") scripts.add("live/page");
      return h("div", { class: node.class, id: id(node) }, all(node));
    },
    link: (node) =>
      h("a", { href: link(node.url), class: node.class, download: node.static ? node.urlSource.split("/").pop() : undefined }, all(node)),
    crossReference: (node) => {
      const to = node.remote ? link(node.url ?? "") : "";
      const target = node.html_id ?? node.identifier;
      // Each page counts its own claims and formulas, so a number needs the page that it belongs to.
      const counted = node.enumerator && words(node) === node.template?.replace("%s", node.enumerator);
      const where = counted && node.remote ? ` in “${titleOf(node.url)}”` : "";
      return h("a", { href: target ? `${to}#${target}` : to, class: "reference" }, [...all(node), where]);
    },
    citeGroup: (node) => {
      const joined = node.children.flatMap((child, i) => (i ? ["; ", one(child)] : [one(child)])).flat();
      const open = node.kind === "parenthetical";
      return h("span", { class: "cite" }, open ? ["(", ...joined, ")"] : joined);
    },
    cite: (node) => {
      const entry = references?.cite?.data?.[node.label];
      if (!entry) throw new Error(`the bibliography has no ${node.label}`);
      const children = node.children.map((child) => (child.type === "text" ? { ...child, value: people(child.value) } : child));
      return h("a", { href: `#cite-${node.label}`, title: people(words({ children: html(entry.html) })) }, all({ children }));
    },
    footnoteReference: (node) =>
      h("sup", h("a", { href: `#footnote-${node.identifier}`, id: `from-footnote-${node.identifier}` }, node.enumerator)),
    footnoteDefinition: (node) =>
      h("aside", { class: "footnote", id: `footnote-${node.identifier}`, ariaLabel: `Footnote ${node.enumerator}` }, [
        h("a", { href: `#from-footnote-${node.identifier}` }, node.enumerator),
        h("div", all(node)),
      ]),
    inlineMath: (node) => h("span", { class: node.value.length <= SHORT ? "short" : undefined }, math(node.value, false)),
    math: (node) =>
      h("div", { class: "equation", id: id(node) }, [
        math(node.value, true),
        node.identifier ? h("a", { href: `#${id(node)}`, class: "number" }, `(${node.enumerator})`) : null,
      ]),
    mathGroup: all,
    admonition: (node) => titled({ ...node, enumerator: undefined }, node.kind ?? "note", ""),
    proof: (node) => titled(
      node.kind === "proof" ? { ...node, enumerator: undefined } : node, node.kind, proofName(node.kind)),
    details: (node) => h("details", { id: id(node), class: "box" }, all(node)),
    summary: wrap("summary"),
    container: (node) => h("figure", { id: id(node), class: node.kind }, all(node)),
    caption: (node) => h("figcaption", all(node)),
    legend: (node) => h("div", { class: "legend" }, all(node)),
    captionNumber: (node) => [h("span", { class: "label" }, all(node)), " "],
    image,
    table,
    tabSet: tabs,
    card: (node) => h("div", { class: "card" }, node.url ? h("a", { href: link(node.url) }, all(node)) : all(node)),
    cardTitle: (node) => h("p", { class: "title" }, all(node)),
    grid: (node) => h("div", { class: "grid" }, all(node)),
    outputs: (node) => gathered(node.children).flatMap(one),
    output,
  };

  function one(node) {
    const handler = handlers[node.type];
    if (!handler) throw new Error(`the theme does not know nodes of type ${node.type}`);
    if (node.visibility === "remove") return [];
    const made = handler(node);
    return Array.isArray(made) ? made : [made];
  }
  return one;
}
