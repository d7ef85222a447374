// Packet: before and after under a slider; comments on lines of the diff, kept in this browser until they leave with the verdict.
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const store = {
    read(key, otherwise) {
      try {
        return JSON.parse(localStorage.getItem(key)) ?? otherwise;
      } catch {
        return otherwise;
      }
    },
    write(key, value) {
      try {
        localStorage.setItem(key, JSON.stringify(value));
      } catch {
        // A browser without storage keeps them as long as the page.
      }
    },
  };

  // A picture that is long in coming has a skeleton in its place.
  const SKELETON_MS = 300;
  const awaited = new WeakSet();
  const wait = (img) => {
    const place = img.closest(".shot, .pictures a");
    if (!place || img.complete || awaited.has(img) || !img.getClientRects().length) return;
    awaited.add(img);
    place.setAttribute("aria-busy", "true");
    const skeleton = Object.assign(document.createElement("span"), { className: "skel" });
    skeleton.append(document.createElement("i"));
    const late = setTimeout(() => place.prepend(skeleton), SKELETON_MS);
    const done = () => {
      clearTimeout(late);
      skeleton.remove();
      place.removeAttribute("aria-busy");
    };
    for (const end of ["load", "error"]) img.addEventListener(end, done, { once: true });
  };
  const waitForAll = () => all(".compare[data-on] img, [data-picture]").forEach(wait);

  // Before and after.
  const figures = all(".compare");
  const pick = (n) => {
    for (const figure of figures) figure.toggleAttribute("data-on", figure.dataset.shot === String(n));
    for (const button of all("[data-pick]")) button.setAttribute("aria-pressed", String(button.dataset.pick === String(n)));
    waitForAll();
  };
  const mode = (word) => {
    for (const figure of figures) figure.dataset.mode = word;
    for (const button of all("[data-mode-pick]")) button.setAttribute("aria-pressed", String(button.dataset.modePick === word));
    for (const part of all("[data-slide], .knob")) part.hidden = word !== "slider";
    waitForAll();
  };
  if (figures.length) {
    for (const group of all("[data-picks], [data-modes]")) group.hidden = false;
    for (const button of all("[data-pick]")) button.addEventListener("click", () => pick(button.dataset.pick));
    for (const button of all("[data-mode-pick]")) button.addEventListener("click", () => mode(button.dataset.modePick));
    for (const slide of all("[data-slide]")) {
      const show = () => slide.parentElement.style.setProperty("--at", `${slide.value}%`);
      slide.addEventListener("input", show);
      show();
    }
    for (const link of all(".compare a")) link.addEventListener("click", (event) => link.closest(".compare").dataset.mode === "slider" && event.preventDefault());
    mode("slider");
    document.addEventListener("mission:arrow", (event) => {
      const slide = one(".compare[data-on] [data-slide]:not([hidden])");
      if (!slide) return;
      slide.value = Number(slide.value) + (event.detail === "ArrowRight" ? 5 : -5);
      slide.dispatchEvent(new Event("input"));
    });
  }

  waitForAll();
  document.addEventListener("toggle", waitForAll, true);

  // Pictures say how large they are.
  for (const img of all("[data-picture]")) {
    const size = () => img.naturalWidth && one("figcaption", img.closest("figure")).append(` ${img.naturalWidth} × ${img.naturalHeight}`);
    if (img.naturalWidth) size();
    else img.addEventListener("load", size, { once: true });
  }

  /** Lets a sign-off ask first while comments are waiting. */
  const warn = (button, n) => {
    if (n) button.dataset.ask = `Press again: sign off over ${n} ${n === 1 ? "comment" : "comments"}`;
    else delete button.dataset.ask;
  };

  // The diff; where only its packet is shown, what was said of it and not sent is told.
  const grid = one(".diff-grid");
  const pass = one("form[data-packet] [name=verdict][value=pass]");
  const unsent = !grid && pass ? store.read(`comments ${pass.form.dataset.packet}`, []).length : 0;
  if (unsent) {
    warn(pass, unsent);
    const note = Object.assign(document.createElement("div"), { className: "banner" });
    note.dataset.tone = "warn";
    const text = Object.assign(document.createElement("p"), { textContent: `You have ${unsent} ${unsent === 1 ? "comment" : "comments"} on its lines that you have not sent. ` });
    text.append(Object.assign(document.createElement("a"), { href: `${location.pathname}/diff`, textContent: "See them" }));
    note.append(text);
    one(".banners")?.append(note);
  }
  if (!grid) return;
  const digest = grid.dataset.packet;
  const files = all(".diff-file");
  const form = one("[data-review]");
  const viewedKey = `viewed ${digest}`;
  const commentsKey = `comments ${digest}`;
  let viewed = store.read(viewedKey, []);
  let comments = store.read(commentsKey, []);

  // Viewed files are folded.
  const counted = one("[data-viewed-count]");
  const countViewed = () => {
    counted.hidden = false;
    counted.textContent = `${viewed.length} of ${counted.dataset.viewedCount} files viewed`;
    for (const link of all(".file-list a")) {
      const file = files[Number(link.hash.slice(6))];
      link.toggleAttribute("data-viewed", viewed.includes(file?.dataset.file));
    }
  };
  for (const box of all("[data-viewed]:is(input)")) {
    const file = one(".diff-file", box.closest(".diff-box"));
    box.checked = viewed.includes(box.dataset.viewed);
    if (box.checked) file.open = false;
    box.addEventListener("change", () => {
      viewed = viewed.filter((path) => path !== box.dataset.viewed);
      if (box.checked) viewed.push(box.dataset.viewed);
      file.open = !box.checked;
      store.write(viewedKey, viewed);
      countViewed();
    });
  }
  countViewed();
  for (const link of all(".file-list a")) {
    link.addEventListener("click", () => {
      const n = Number(link.hash.slice(6));
      if (!files[n]) return;
      files[n].open = true;
      mark(undefined);
      file = n;
    });
  }

  // Files, lines and sides by keyboard. The focus goes along.
  let file = -1;
  let line;
  /** Whether a row has a removed line beside an added one: either can be meant. */
  const isPair = (row) => row.dataset.line !== undefined && Boolean(one(":scope > td.del", row));
  const choose = (row, gone) => isPair(row) && (row.dataset.side = gone ? "was" : "is");
  const mark = (row, gone = false) => {
    line?.removeAttribute("aria-current");
    line?.removeAttribute("data-side");
    line = row;
    if (!row) return;
    file = files.indexOf(row.closest(".diff-file"));
    row.setAttribute("aria-current", "true");
    choose(row, gone);
    row.tabIndex = -1;
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  const go = (n) => {
    file = Math.max(0, Math.min(files.length - 1, n));
    mark(undefined);
    one("summary", files[file])?.focus({ preventScroll: true });
    files[file]?.scrollIntoView({ block: "start" });
  };
  const lines = () => all("tr[data-line], tr[data-was]", files[file]);
  document.addEventListener("mission:step", (event) => go(file + event.detail));
  document.addEventListener("mission:line", (event) => {
    const here = files.findIndex((it) => it.contains(document.activeElement));
    if (here >= 0 && here !== file) mark(undefined);
    if (here >= 0) file = here;
    if (file < 0) go(0);
    if (!files[file] || (event.detail < 0 && !line)) return;
    files[file].open = true;
    const rows = lines();
    const at = rows.indexOf(line) + event.detail;
    if (at < 0 || !rows.length) go(file);
    else mark(rows[Math.min(rows.length - 1, at)], line?.dataset.side === "was");
  });
  document.addEventListener("keydown", (event) => {
    const isSide = event.key === "ArrowLeft" || event.key === "ArrowRight";
    if (!isSide || event.target !== line || !isPair(line) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    choose(line, event.key === "ArrowLeft");
  });
  document.addEventListener("mission:comment", () => line && ask(line, line.dataset.side === "was"));
  document.addEventListener("mission:viewed", () => {
    const at = Math.max(0, file);
    one("[data-viewed]:is(input)", files[at]?.parentElement)?.click();
    if (line && !files[at].open) go(at);
  });
  // Who follows a link to a file sees it, and goes on from there.
  file = files.findIndex((it) => `#${it.id}` === location.hash);
  if (file >= 0) files[file].open = true;

  // Comments. Beside each other, a removed line and an added one are two places in one row.
  const place = (row, was) => {
    const gone = row.dataset.line === undefined || (was && isPair(row));
    return { file: row.closest(".diff-file").dataset.file, line: Number(gone ? row.dataset.was : row.dataset.line), gone };
  };
  const rowOf = ({ file, line, gone }) => {
    const root = files.find((e) => e.dataset.file === file);
    return root && one(gone ? `tr[data-was="${line}"]:is(.del, :has(> td.del))` : `tr[data-line="${line}"]`, root);
  };
  const same = (a, b) => a.file === b.file && a.line === b.line && a.gone === b.gone;
  const told = (at) => `${at.file}:${at.line}${at.gone ? " (removed)" : ""}`;
  const make = (name, props = {}, ...children) => {
    const e = Object.assign(document.createElement(name), props);
    e.append(...children);
    return e;
  };
  /** Puts what is said of a line, or its field, below the row; what stood there for the same line goes. */
  const put = (row, at, ...children) => {
    const draft = make("tr", { className: "draft" }, make("td", { colSpan: row.closest("table").dataset.style === "split" ? 4 : 3 }, ...children));
    draft.dataset.of = told(at);
    for (let next = row.nextElementSibling; next?.matches("tr.draft"); ) {
      const old = next;
      next = next.nextElementSibling;
      if (old.dataset.of === draft.dataset.of) old.remove();
    }
    row.after(draft);
  };

  /** Opens the field for a comment below a line. */
  const ask = (row, was) => {
    if (!form) return;
    const at = place(row, was);
    const old = comments.find((it) => same(it, at));
    const field = make("textarea", { className: "field", rows: 2, value: old?.text ?? "", placeholder: "What must change here?" });
    field.setAttribute("aria-label", `Comment on ${at.file}, ${at.gone ? "removed line" : "line"} ${at.line}`);
    field.dir = "auto";
    const keep = make("button", { type: "button", className: "btn sm primary" }, "Keep");
    const cancel = make("button", { type: "button", className: "btn sm ghost" }, "Cancel");
    put(row, at, ...(isPair(row) ? [make("p", { className: "dim" }, `About the ${at.gone ? "removed" : "new"} line ${at.line}`)] : []), field, make("div", { className: "ask-do" }, keep, cancel));
    const draftKey = `draft ${digest} ${at.file}:${at.line}${at.gone ? " gone" : ""}`;
    const typed = sessionStorage.getItem(draftKey);
    let draft = { before: old?.text ?? "" };
    try {
      draft = JSON.parse(typed) ?? draft;
    } catch {
      draft.text = typed; // as an earlier version kept it
    }
    field.value = draft.text ?? field.value;
    // What is typed leaves with the verdict, kept or not.
    const settle = (words) => {
      const text = words.trim();
      comments = comments.filter((it) => !same(it, at));
      if (text) comments.push({ ...at, text });
      store.write(commentsKey, comments);
    };
    field.addEventListener("input", () => {
      sessionStorage.setItem(draftKey, JSON.stringify({ ...draft, text: field.value }));
      settle(field.value);
      review();
    });
    const close = (words) => {
      sessionStorage.removeItem(draftKey);
      settle(words);
      show();
      mark(row, at.gone);
    };
    const done = () => close(field.value);
    keep.addEventListener("click", done);
    const leave = () => close(draft.before);
    cancel.addEventListener("click", leave);
    field.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) done();
      else if (event.key === "Escape") leave();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    field.focus({ preventScroll: true });
    field.closest("tr").scrollIntoView({ block: "nearest" });
  };

  /** Shows every comment in the review, where it is sent from. */
  const review = () => {
    const list = one("[data-comments]", form);
    list.replaceChildren();
    const reason = one("[name=reason]", form);
    reason.required = !comments.length; // a comment says why by itself
    const verdict = (word) => one(`[name=verdict][value=${word}]`, form);
    verdict("pass").classList.toggle("primary", !comments.length);
    verdict("changes").classList.toggle("primary", comments.length > 0);
    warn(verdict("pass"), comments.length);
    reason.placeholder = comments.length ? "Reason, if the comments need one" : "Reason, needed to request changes";
    for (const comment of comments) {
      const words = told(comment);
      const remove = make("button", { type: "button", className: "icon-btn", textContent: "×" });
      remove.setAttribute("aria-label", `Remove the comment on ${words}`);
      remove.addEventListener("click", () => {
        comments = comments.filter((it) => it !== comment);
        store.write(commentsKey, comments);
        show();
        (one("[data-comments] button", form) ?? reason).focus();
      });
      const link = make("a", { href: "#" }, make("code", {}, words));
      link.addEventListener("click", (event) => {
        event.preventDefault();
        const at = rowOf(comment);
        if (at) at.closest("details").open = true;
        at?.scrollIntoView({ block: "center" });
      });
      const text = make("p", { textContent: comment.text });
      text.dir = "auto";
      const said = comment.gone ? `${comment.text} (about a removed line)` : comment.text;
      list.append(make("li", {}, make("p", { className: "row" }, link, remove), text, make("input", { type: "hidden", name: "finding", value: `${comment.file}:${comment.line}:${said}` })));
    }
  };

  /** Shows every comment below its line and in the review. */
  const show = () => {
    if (!form) return;
    for (const old of all("tr.draft")) old.remove();
    review();
    for (const comment of comments) {
      const row = rowOf(comment);
      if (!row) continue;
      const edit = make("button", { type: "button", className: "btn sm ghost" }, "Edit");
      edit.setAttribute("aria-label", `Edit the comment on ${told(comment)}`);
      edit.addEventListener("click", () => ask(row, comment.gone));
      const text = make("p", { textContent: comment.text });
      text.dir = "auto";
      const about = comment.gone ? `You, not sent yet, about the removed line ${comment.line}` : "You, not sent yet";
      put(row, comment, make("div", { className: "found-note" }, make("p", {}, make("b", {}, about)), text, edit));
    }
  };
  if (form) {
    grid.addEventListener("click", (event) => {
      const cell = event.target.closest?.("td");
      const row = cell?.parentElement;
      const isLine = cell && row.matches("tr[data-line], tr[data-was]");
      // Who marks some of the text wants to copy it.
      if (isLine && !event.target.closest("a, button") && !String(getSelection())) ask(row, cell.cellIndex < 2);
    });
    grid.dataset.commentable = "";
    show();
    // What was typed and not kept when the page went is there again.
    for (const key of Object.keys(sessionStorage).filter((it) => it.startsWith(`draft ${digest} `))) {
      const [, name, number, gone] = /^(.*):(\d+)( gone)?$/.exec(key.slice(`draft ${digest} `.length)) ?? [];
      const row = name && rowOf({ file: name, line: Number(number), gone: Boolean(gone) });
      if (row) ask(row, Boolean(gone));
    }
  }
})();
