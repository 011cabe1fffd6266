// Hover cards: what a reference leads to, shown beside it. Without this file it is a link.
const DELAY = 250;
const card = document.createElement("div");
card.className = "hover-card";
card.inert = true;
card.hidden = true;
document.body.append(card);

const pages = new Map();
const here = (url) => url.pathname === location.pathname;

/** The page that an address leads to, as a document; each is asked for once. */
function page(url) {
  if (here(url)) return document;
  if (!pages.has(url.pathname))
    pages.set(url.pathname, fetch(url.pathname)
      .then((answer) => answer.text())
      .then((text) => new DOMParser().parseFromString(text, "text/html")));
  return pages.get(url.pathname);
}

/** Copies of what a card shows: the target, or a heading with what follows it. */
function shown(source, id) {
  const target = source.getElementById(id);
  if (!target) return [];
  const parts = [target];
  if (/^H[1-6]$/.test(target.tagName))
    for (let next = target.nextElementSibling; parts.length < 3 && next && !/^H[1-6]$/.test(next.tagName); next = next.nextElementSibling)
      parts.push(next);
  return parts.map((part) => {
    const copy = document.importNode(part, true);
    for (const each of [copy, ...copy.querySelectorAll("[id]")]) each.removeAttribute("id");
    for (const each of copy.querySelectorAll(".anchor, button, .controls, .plot, .box details")) each.remove();
    return copy;
  });
}

function place(link) {
  const box = link.getBoundingClientRect();
  const below = box.bottom + card.offsetHeight + 12 < innerHeight;
  const left = Math.max(8, Math.min(box.left, innerWidth - card.offsetWidth - 8));
  card.style.left = `${left + scrollX}px`;
  card.style.top = `${scrollY + (below ? box.bottom + 6 : Math.max(8, box.top - card.offsetHeight - 6))}px`;
}

let wanted;
function hide() {
  clearTimeout(wanted);
  wanted = undefined;
  card.hidden = true;
}

function show(link) {
  hide();
  const mine = wanted = setTimeout(async () => {
    const url = new URL(link.href);
    const parts = await Promise.resolve(page(url)).then((source) => shown(source, decodeURIComponent(url.hash.slice(1))), () => []);
    if (!parts.length || mine !== wanted) return;
    card.replaceChildren(...parts);
    card.hidden = false;
    place(link);
  }, DELAY);
}

for (const link of document.querySelectorAll("main :is(a.reference, .cite a)[href*='#']")) {
  link.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(link));
  link.addEventListener("pointerleave", hide);
  link.addEventListener("focus", () => link.matches(":focus-visible") && show(link));
  link.addEventListener("blur", hide);
}
addEventListener("keydown", (event) => event.key === "Escape" && hide());
