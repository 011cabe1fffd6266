// Writes the book as plain files. Run by the engine, which serves what it has read from the sources.
import fs from "node:fs";
import path from "node:path";
import { toHtml } from "hast-util-to-html";
import { layout } from "./layout.mjs";
import { pageRenderer } from "./nodes.mjs";

const { BUILD_DIRECTORY: OUT, CONTENT_CDN: ENGINE } = process.env;
const THEME = import.meta.dirname;
const LONGEST = 2000;  // of what search reads of a section

async function ask(where) {
  const answer = await fetch(ENGINE + where);
  if (!answer.ok) throw new Error(`${where}: ${answer.status} ${answer.statusText}`);
  return Buffer.from(await answer.arrayBuffer());
}
const json = async (where) => JSON.parse(await ask(where));

function write(name, data) {
  const to = path.join(OUT, name);
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.writeFileSync(to, data);
}

const config = await json("/config.json");
const [project] = config.projects;
const pages = [{ slug: project.index, title: project.title, level: 1 }, ...project.pages].map((page) =>
  page.slug === undefined
    ? page
    : { ...page, url: page.slug === project.index ? "/" : `/${page.slug.replaceAll(".", "/")}` });
const files = new Map(
  pages.filter((page) => page.slug !== undefined).map((page) => [
    page.url,
    page.url === "/" ? "index.html" : `${page.url.slice(1)}.html`,
  ]));

const titleOf = (url) => pages.find((page) => page.url === url).title;

/** An address of the engine, relative to a page: pages are files, so that a folder is enough. */
const relativeTo = (from) => (url) => {
  if (/^[a-z]+:/.test(url) || url.startsWith("#")) return url;
  const [, where, fragment] = url.match(/^([^#]*)(#.*)?$/);
  const bare = where.length > 1 ? where.replace(/\/$/, "") : where;
  const target = files.get(bare) ?? bare.replace(/^\//, "");
  const to = path.posix.relative(path.posix.dirname(from), target) || path.posix.basename(target);
  return encodeURI(to) + (fragment ?? "");
};

/** The static files of a page by the engine's address; those of the sources keep their names. */
function statics(node, found = new Map()) {
  if (node.static && node.urlSource && node.type !== "image") {
    const address = node.url;
    node.url = `/files/${path.posix.basename(node.urlSource)}`;
    found.set(node.url, address);
  } else if (node.type === "image") found.set(node.url, node.url);
  for (const value of Object.values(node.jupyter_data?.data ?? {})) if (value.path) found.set(value.path, value.path);
  for (const child of node.children ?? []) statics(child, found);
  return found;
}

fs.rmSync(OUT, { recursive: true, force: true });
for (const here of pages.filter((page) => page.slug !== undefined)) {
  const page = await json(`/content/${here.slug}.json`);
  const name = files.get(here.url);
  const link = relativeTo(name);
  const found = statics(page.mdast);
  for (const [url, address] of found) found.set(url, await ask(address));
  const file = (url) => found.get(url).toString();
  const scripts = new Set();
  const one = pageRenderer({ link, titleOf, file, references: page.references, scripts });
  let body;
  try {
    body = one(page.mdast);
  } catch (error) {
    throw new Error(`${page.location}: ${error.message}`, { cause: error });
  }
  for (const [url, data] of found) if (!url.endsWith(".svg")) write(url, data);
  const source = page.frontmatter.exports?.find((each) => each.format === "md")?.url;
  if (source) write(`sources${page.location}`, await ask(source));
  const edit = page.frontmatter.edit_url
    ? { url: page.frontmatter.edit_url, text: "Edit this page" }
    : source && { url: link(`/sources${page.location}`), text: "The source of this page" };
  const tree = layout({ project, pages, here, page, body, link, edit, scripts });
  write(name, toHtml(tree));
}

const search = await json("/myst.search.json");
const records = search.records
  .filter((record) => record.type === "content" && record.content?.trim())
  .map(({ hierarchy, content, url }, id) => ({
    id,
    title: Object.values(hierarchy).filter(Boolean).join(" · "),
    text: content.replace(/\s+/g, " ").trim().slice(0, LONGEST),
    url: relativeTo("index.html")(url),
  }));
write("search.json", JSON.stringify(records));
const base = process.env.BASE_URL ?? "";
const places = [...files.values()].map((name) => `<url><loc>${base}/${name}</loc></url>`);
write("sitemap.xml",
  `<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n${places.join("\n")}\n</urlset>\n`);

const katex = path.join(THEME, "node_modules/katex/dist");
fs.cpSync(path.join(THEME, "assets"), path.join(OUT, "assets"), { recursive: true });
const style = fs.readFileSync(path.join(katex, "katex.min.css"), "utf8");
write("assets/katex/katex.min.css", style.replace(/,url\([^)]*\.(?:woff|ttf)\) format\("[a-z]+"\)/g, ""));
for (const font of fs.readdirSync(path.join(katex, "fonts")).filter((each) => each.endsWith(".woff2")))
  write(`assets/katex/fonts/${font}`, fs.readFileSync(path.join(katex, "fonts", font)));
write("assets/minisearch.js", fs.readFileSync(path.join(THEME, "node_modules/minisearch/dist/es/index.js")));
console.log(`wrote ${files.size} pages`);
