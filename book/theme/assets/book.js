// What a page can do beyond being read: colours, copying, search. Without this file it still reads.
const root = document.documentElement;
const tools = document.querySelector(".tools");

function button(text, label, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.append(text);
  if (label) made.setAttribute("aria-label", label);
  made.addEventListener("click", run);
  return made;
}

// Colours: the system's, until the reader says otherwise.
function isDark() {
  const chosen = root.dataset.colours;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}
const colours = button("", "", () => {
  root.dataset.colours = isDark() ? "light" : "dark";
  try { localStorage.setItem("colours", root.dataset.colours); } catch { /* for this page only */ }
  name();
});
function name() {
  colours.textContent = isDark() ? "Light" : "Dark";
  colours.setAttribute("aria-label", `${colours.textContent} colours`);
}
name();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", name);

// The list of pages shows the place of this one.
const pages = document.querySelector(".book");
const here = pages.querySelector("[aria-current]");
if (here?.offsetTop > 0.8 * pages.clientHeight) pages.scrollTop = here.offsetTop - pages.clientHeight / 2;

// Copying code, without the prompts and the answers of a terminal.
for (const block of document.querySelectorAll(".code")) {
  const pre = block.querySelector("pre");
  const copy = button("Copy", "Copy this code", async () => {
    const typed = pre.textContent.split("\n");
    const commands = typed.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
    const text = pre.dataset.lang === "console" && commands.length ? commands.join("\n") : pre.textContent;
    await navigator.clipboard.writeText(text);
    copy.textContent = "Copied";
    setTimeout(() => (copy.textContent = "Copy"), 1500);
  });
  block.append(copy);
}

// Search: "/" or Ctrl-K opens it, arrows choose, Enter goes there.
const dialog = document.createElement("dialog");
dialog.setAttribute("aria-label", "Search");
dialog.innerHTML = `<label for="query">Search the book</label>
  <input id="query" type="search" placeholder="Search the book" autocomplete="off" role="combobox"
    aria-expanded="true" aria-controls="found"><ol id="found" role="listbox" aria-label="Pages found"></ol><p></p>`;
document.body.append(dialog);
const [input, list, told] = ["input", "ol", "p"].map((tag) => dialog.querySelector(tag));
let index, at = 0;

async function open() {
  dialog.showModal();
  input.select();
  if (index) return;
  const top = new URL(root.dataset.root, location.href);
  const [{ default: MiniSearch }, records] = await Promise.all([
    import(new URL("assets/minisearch.js", top)),
    fetch(new URL("search.json", top)).then((answer) => answer.json()),
  ]);
  for (const record of records) record.url = new URL(record.url, top).href;
  index = new MiniSearch({ fields: ["title", "text"], storeFields: ["title", "text", "url"],
    searchOptions: { prefix: true, fuzzy: 0.15, boost: { title: 4 }, combineWith: "AND" } });
  index.addAll(records);
  show();
}

function around(text, terms) {
  const low = text.toLowerCase();
  const first = Math.min(...terms.map((term) => low.indexOf(term)).filter((place) => place >= 0), text.length);
  const start = first === text.length ? 0 : Math.max(0, first - 50);
  return (start ? "… " : "") + text.slice(start, start + 150);
}

function show() {
  const found = index && input.value.trim() ? index.search(input.value).slice(0, 12) : [];
  at = 0;
  list.replaceChildren(...found.map((each, i) => {
    const item = document.createElement("li");
    const to = document.createElement("a");
    item.setAttribute("role", "presentation");
    to.setAttribute("role", "option");
    to.id = `found-${i}`;
    to.href = each.url;
    to.append(each.title, Object.assign(document.createElement("span"), { textContent: around(each.text, each.terms) }));
    to.addEventListener("click", () => dialog.close());
    item.append(to);
    return item;
  }));
  told.textContent = !input.value.trim() ? "Type a few words; arrows choose, Enter opens."
    : found.length ? "" : "Nothing found.";
  mark();
}

function mark() {
  list.querySelectorAll("a").forEach((to, i) => to.setAttribute("aria-selected", String(i === at)));
  const chosen = list.querySelectorAll("a")[at];
  if (chosen) input.setAttribute("aria-activedescendant", chosen.id);
  else input.removeAttribute("aria-activedescendant");
  chosen?.scrollIntoView({ block: "nearest" });
}

input.addEventListener("input", show);
input.addEventListener("keydown", (event) => {
  const count = list.children.length;
  if (event.key === "Enter") list.querySelectorAll("a")[at]?.click();
  else if (event.key === "ArrowDown") at = count && (at + 1) % count;
  else if (event.key === "ArrowUp") at = count && (at + count - 1) % count;
  else return;
  event.preventDefault();
  mark();
});
addEventListener("keydown", (event) => {
  const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName) && document.activeElement.type !== "radio";
  const asked = (event.key === "/" && !typing) || (event.key === "k" && (event.ctrlKey || event.metaKey));
  if (!asked || dialog.open) return;
  event.preventDefault();
  open();
});
const finder = button("Search ", "Search the book", open);
finder.append(Object.assign(document.createElement("kbd"), { textContent: "/" }));
tools.append(finder, colours);
