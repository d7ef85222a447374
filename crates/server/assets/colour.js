// Colours of programming languages in a diff. Each side of a hunk is read as one text, so that what spans lines is known.
// A page without this script shows the same words in one colour.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const LONGEST = 200_000;
let engine;

/** Returns highlighted HTML line by line: what is open at a line's end is closed there and opened in the next. */
const lines = (html) => {
  const open = [];
  let out = [""];
  for (const [part] of html.matchAll(/<span[^>]*>|<\/span>|\n|[^<\n]+/g)) {
    if (part === "\n") {
      out[out.length - 1] += "</span>".repeat(open.length);
      out.push(open.join(""));
      continue;
    }
    if (part === "</span>") open.pop();
    else if (part.startsWith("<")) open.push(part);
    out[out.length - 1] += part;
  }
  return out;
};

const side = (cells, language) => {
  const text = cells.map((cell) => cell.textContent).join("\n");
  if (!cells.length || text.length > LONGEST) return;
  const told = lines(engine.highlight(text, { language, ignoreIllegals: true }).value);
  cells.forEach((cell, n) => {
    const made = document.createElement("template");
    made.innerHTML = told[n] ?? "";
    // Words are never changed for the sake of a colour.
    if (made.content.textContent === cell.textContent) cell.replaceChildren(made.content);
  });
};

const hunk = (body, language, split) => {
  const rows = all(":scope > tr:not(.place, .found)", body);
  const code = (row, n) => row.children[n]?.querySelector(":scope > code");
  const cells = (wanted) => rows.map(wanted).filter(Boolean);
  if (split) {
    side(cells((row) => code(row, 1)), language);
    side(cells((row) => code(row, 3)), language);
    return;
  }
  // Unchanged lines are in both; they are painted as they stand now.
  side(cells((row) => (row.matches(".del, .same") ? code(row, 2) : null)), language);
  side(cells((row) => (row.matches(".add, .same") ? code(row, 2) : null)), language);
};

const paint = async (file) => {
  const address = file.dataset.grammar;
  if (!address || !file.open || file.dataset.painted !== undefined) return;
  file.dataset.painted = "";
  engine ??= (await import(file.closest("[data-colour]").dataset.colour)).default;
  if (!engine.getLanguage(address)) engine.registerLanguage(address, (await import(address)).default);
  for (const table of all("table", file)) {
    const split = table.dataset.style === "split";
    for (const body of table.tBodies) hunk(body, address, split);
  }
};

const paintAll = () => {
  for (const file of all(".diff-file[data-grammar]")) {
    // A grammar that fails leaves the words as they are.
    paint(file).catch(() => {});
  }
};
document.addEventListener("toggle", (event) => event.target.matches?.(".diff-file") && paintAll(), true);
document.addEventListener("mission:placed", paintAll);
paintAll();
