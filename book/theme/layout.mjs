// What is around the text of a page: navigation, contents, and what leads on.
import { h } from "hastscript";
import { html, people, words } from "./nodes.mjs";

const POLICY = [
  "default-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
];
// Python is compiled in a worker, which keeps the page's policy.
const LIVE = ["script-src 'self' 'wasm-unsafe-eval'", "worker-src blob:"];

function headings(node) {
  if (node.type === "heading" && node.depth <= 3) return [node];
  return (node.children ?? []).flatMap(headings);
}

function contents(tree) {
  const found = headings(tree);
  if (found.length < 2) return null;
  return h("nav", { class: "contents", ariaLabel: "On this page" }, [
    h("p", { class: "title" }, "On this page"),
    h("ul", found.map((node) =>
      h("li", { class: `depth-${node.depth}` },
        h("a", { href: `#${node.html_id ?? node.identifier}` }, words(node))))),
  ]);
}

/** All pages but those deep in a part that the reader is not in. */
function near(pages, here) {
  const parts = pages.map((page, i) => pages.findLastIndex((each, k) => k <= i && each.level <= 2));
  return pages.filter((page, i) => page.level <= 2 || parts[i] === parts[pages.indexOf(here)]);
}

function navigation(pages, here, link, title) {
  const items = near(pages, here).map((page) =>
    h("li", { class: `level-${page.level}` },
      page.slug === undefined
        ? h("span", page.title)
        : h("a", { href: link(page.url), ariaCurrent: page === here ? "page" : undefined }, page.title)));
  return h("nav", { id: "book", class: "book", ariaLabel: title }, [
    h("a", { class: "close", href: "#top" }, "Close the list of pages"),
    h("ul", items),
  ]);
}

function sources(references) {
  const { order = [], data = {} } = references?.cite ?? {};
  if (!order.length) return null;
  return h("section", { class: "sources", ariaLabelledBy: "sources" }, [
    h("h2", { id: "sources" }, "Sources"),
    h("ol", order.map((key) => h("li", { id: `cite-${key}` }, html(people(data[key].html))))),
  ]);
}

function onward(pages, here, link) {
  const readable = pages.filter((page) => page.slug !== undefined);
  const at = readable.indexOf(here);
  const to = (page, word, rel) =>
    page
    ? h("a", { href: link(page.url), rel, class: rel }, [h("span", word), " ", page.title])
    : null;
  return h("nav", { class: "onward", ariaLabel: "Previous and next page" }, [
    to(readable[at - 1], "Previous", "prev"),
    to(readable[at + 1], "Next", "next"),
  ]);
}

/** A whole page. link: makes addresses relative to it. edit: where its source is. scripts: by name. */
export function layout({ project, pages, here, page, body, link, edit, scripts }) {
  const { title, description } = { title: here.title, ...page.frontmatter };
  const full = title === project.title ? title : `${title} · ${project.title}`;
  const head = h("head", [
    h("meta", { charSet: "utf-8" }),
    h("meta", { name: "viewport", content: "width=device-width, initial-scale=1" }),
    h("meta", {
      httpEquiv: "Content-Security-Policy",
      content: [...POLICY, ...(scripts.has("live/page") ? LIVE : [])].join("; "),
    }),
    h("title", full),
    description ? h("meta", { name: "description", content: description }) : null,
    h("link", { rel: "icon", href: link("/assets/icon.svg"), type: "image/svg+xml" }),
    h("link", { rel: "stylesheet", href: link("/assets/katex/katex.min.css") }),
    h("link", { rel: "stylesheet", href: link("/assets/book.css") }),
    h("script", { src: link("/assets/colours.js") }),
    h("script", { src: link("/assets/book.js"), type: "module" }),
    h("script", { src: link("/assets/cards.js"), type: "module" }),
    ...[...scripts].map((name) => h("script", { src: link(`/assets/${name}.js`), type: "module" })),
  ]);
  const top = h("header", { id: "top" }, [
    h("a", { class: "skip", href: "#text" }, "Skip to the text"),
    h("a", { class: "menu", href: "#book" }, "Pages"),
    h("a", { class: "home", href: link("/") }, project.title),
    h("span", { class: "tools" }),
  ]);
  const main = h("main", { id: "text" }, [
    h("h1", title),
    description ? h("p", { class: "lead" }, description) : null,
    ...body,
    sources(page.references),
    onward(pages, here, link),
    h("footer", edit ? h("a", { href: edit.url }, edit.text) : null),
  ]);
  const whole = h("html", { lang: "en", dataRoot: link("/"), dataTitle: project.title }, [
    head,
    h("body", [
      top,
      h("div", { class: "columns" }, [
        navigation(pages, here, link, project.title),
        main,
        contents(page.mdast),
      ]),
    ]),
  ]);
  return { type: "root", children: [{ type: "doctype" }, whole] };
}
