// Keys: single keys act on the current item, are off in fields and the terminal, and can be switched off.
(() => {
  const OFF = "keys-off";
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const page = document.body.dataset.page;
  const stored = (key) => {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  };

  const kept = (key) => {
    try {
      return sessionStorage.getItem(key);
    } catch {
      return null;
    }
  };
  const keep = (key, value) => {
    try {
      sessionStorage.setItem(key, value);
    } catch {
      // A browser without storage forgets it.
    }
  };

  // What there is to move through, and what is current.
  const ITEMS = { "needs-you": ".ask", board: ".card", fleet: "tbody tr", ticket: ".bench > .panel", campaign: ".matrix tbody tr", packets: ".list tbody tr", projects: ".project" };
  const visible = (e) => e.getClientRects().length > 0;
  const items = () => all(ITEMS[page] ?? "-none").filter(visible);
  const current = () => one(`:is(${ITEMS[page] ?? "-none"})[aria-current]`);
  const link = (item) => one("h2 a[href], h3 a[href], th a[href], a.key[href]", item);

  const select = (item) => {
    if (!item) return;
    for (const other of all(ITEMS[page])) {
      other.removeAttribute("aria-current");
      if (other.hasAttribute("tabindex")) other.tabIndex = -1;
    }
    item.setAttribute("aria-current", "true");
    document.dispatchEvent(new CustomEvent("mission:marked"));
    if (page === "needs-you") item.tabIndex = 0;
    if (page === "ticket" || page === "fleet") item.tabIndex = -1;
    (["needs-you", "ticket", "fleet"].includes(page) ? item : link(item))?.focus({ preventScroll: true });
    item.scrollIntoView({ block: "nearest", inline: "nearest" });
  };

  // The bar names the keys that act here now.
  const acts = all(".keys [data-for]").filter((it) => ["a", "r", "w"].includes(it.dataset.for));
  const fit = () => acts.forEach((it) => (it.hidden = !one(`[data-key="${it.dataset.for}"]`)));
  if (page === "ticket") {
    document.addEventListener("mission:placed", fit);
    fit();
  }

  const move = (step) => {
    if (page === "packet") return void document.dispatchEvent(new CustomEvent("mission:step", { detail: step }));
    const list = page === "board" && current()?.closest(".col") ? all(".card", current().closest(".col")).filter(visible) : items();
    const at = list.indexOf(current());
    select(list[at < 0 ? 0 : Math.max(0, Math.min(list.length - 1, at + step))]);
  };

  const column = (step) => {
    if (page !== "board") return;
    const stack = one(".bands") ? ".cell" : ".col";
    const columns = all(stack).filter((c) => all(".card", c).some(visible));
    const from = current()?.closest(stack);
    const to = columns[from ? columns.indexOf(from) + step : 0];
    if (!to) return;
    const top = current()?.getBoundingClientRect().top ?? 0;
    const near = (card) => Math.abs(card.getBoundingClientRect().top - top);
    select(all(".card", to).filter(visible).sort((a, b) => near(a) - near(b))[0]);
  };

  // What cannot be undone is only pointed at by its key, and enter confirms: any other key takes that back.
  let armed, cap;
  const disarm = () => {
    const was = armed;
    armed = undefined;
    if (!was) return;
    cap.textContent = was.dataset.key;
    was.blur();
  };
  const arm = (button) => {
    disarm();
    armed = button;
    button.focus({ focusVisible: true });
    cap = one("kbd", button) ?? cap;
    cap.textContent = "enter";
    const said = document.getElementById("said");
    if (said) said.textContent = `Press enter: ${button.firstChild.textContent.trim()}`;
    button.addEventListener("blur", disarm, { once: true });
  };

  /** Presses, opens or focuses an element; what cannot be undone is only focused, and enter confirms. */
  const run = (target) => {
    const closed = target.closest("details:not([open])");
    if (closed && target !== one("summary", closed)) {
      closed.open = true;
      one("textarea, input:not([type=hidden])", closed)?.focus();
    } else if (target.hasAttribute("data-confirm")) arm(target);
    else if (target.matches("textarea, input")) target.focus();
    else if (target.matches("summary")) {
      target.parentElement.open = true;
      one("textarea", target.parentElement)?.focus();
    } else target.click();
  };

  /** Runs what the page has marked for `key`, within the current item where there is one. */
  const act = (key) => {
    const roots = page === "needs-you" ? [current(), one("#toast")] : [one("#toast"), document];
    const fits = (e) => !e.disabled && (visible(e) || e.matches("a.sr, .waive *"));
    const target = roots.filter(Boolean).flatMap((root) => all(`[data-key="${CSS.escape(key)}"]`, root)).find(fits);
    if (target) run(target);
    return Boolean(target);
  };
  document.addEventListener("mission:run", (event) => run(event.detail));

  const jump = (id) => {
    const panel = document.getElementById(id);
    panel?.scrollIntoView({ block: "start" });
    one("[tabindex], a, button", panel ?? document)?.focus({ preventScroll: true });
  };

  const FOLDS = "details.reply[open], details.more[open], details.projects[open], details.menu[open]";
  const up = () => {
    const open = all(FOLDS).pop();
    const above = all(".crumbs a[href]").filter(visible).pop();
    if (open) {
      open.open = false;
      one("summary", open).focus();
    } else if (above) location.href = above.href;
    else if (page === "new" || page === "problem") location.href = "/board";
    else if (document.activeElement !== document.body) document.activeElement.blur();
  };
  // A menu closes when somebody turns elsewhere.
  document.addEventListener("click", (event) => {
    for (const menu of all("details.projects[open], details.menu[open], details.more[open]")) if (!menu.contains(event.target)) menu.open = false;
  });

  const fold = (band = current()?.closest(".band") ?? one(".band")) => {
    band?.toggleAttribute("data-folded");
    unfolded();
  };
  const unfolded = () => {
    for (const button of all("[data-fold]")) button.setAttribute("aria-expanded", String(!button.closest(".band").hasAttribute("data-folded")));
  };
  const onlyMoving = () => one(".matrix")?.toggleAttribute("data-moving");
  const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
  const SIMPLE = {
    "/": () => (document.getElementById("palette") ? tell("mission:palette") : all("[data-search]").find(visible)?.focus()),
    "?": () => document.getElementById("keys-help")?.showModal(),
    c: () => (location.href = "/tickets/new"),
    f: () => toggleFilter(),
    j: () => move(1),
    k: () => move(-1),
    h: () => column(-1),
    l: () => column(1),
    p: () => page === "ticket" && jump("packet"),
    t: () => page === "ticket" && jump("console"),
    v: () => tell("mission:viewed"),
    x: () => onlyMoving(),
    z: () => fold(),
  };
  const PLACES = { n: "/needs-you", b: "/board", f: "/fleet", p: "/packets", c: "/calibration", d: "/digest", s: "/settings" };
  let went = 0;

  // Who types where no field is gives no orders: after a key that means nothing here, single keys rest for a moment.
  const REST_MS = 1_000;
  let strayed = 0;
  let markAt = 0;

  /** Sends the form in which somebody types: with what it is for, or with what text is needed for. */
  const send = (field) => {
    const form = field.form?.method === "post" ? field.form : undefined;
    const button = form && (one("[name=verdict][value=changes]", form) ?? one("button:not([type=button], [formnovalidate])", form));
    if (button && !button.disabled) form.requestSubmit(button);
    return Boolean(button);
  };

  const pressed = (event) => {
    const { key } = event;
    if (armed && key === "Escape") {
      event.preventDefault();
      return document.activeElement.blur(); // and no further: it is taken back
    }
    if (armed && !["Enter", armed.dataset.key].includes(key)) disarm();
    if (key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches?.("textarea, input") && send(event.target)) return event.preventDefault();
    if (event.ctrlKey || event.metaKey || event.altKey || one("dialog[open]")) return;
    if (key === "Escape") return document.activeElement.matches?.("textarea, input") ? document.activeElement.blur() : up();
    if (event.target.matches?.("input:not([type=radio]), textarea, select, [data-screen], [contenteditable]")) return;
    // A key that is held down moves, and decides once: it may be held over to the next page.
    if (event.repeat && !/^([jkhl]|Arrow.*|Page.*)$/.test(key)) return void (event.target.matches?.("button, summary") && event.preventDefault());
    if (stored(OFF) === "yes" && key !== "?") return;
    if (key.length === 1 && Date.now() - strayed < REST_MS) return void (strayed = Date.now());
    if (Date.now() - went < 1500 && PLACES[key]) {
      event.preventDefault();
      location.href = PLACES[key];
      return;
    }
    went = 0;
    if (key === "g") return void (went = Date.now());
    if (key === "Enter" && event.target === current()) return void link(current())?.click();
    if (page === "packet" && (key !== "Enter" || !event.target.closest("button, a, summary, label")) && packetKey(key)) return event.preventDefault();
    if (/^[a-z1-9[\]]$/.test(key) && act(key)) return event.preventDefault();
    if (!SIMPLE[key]) return void (key.length === 1 && key !== " " && (strayed = Date.now()));
    event.preventDefault();
    SIMPLE[key]();
  };

  /** Lines of a diff, and the slider between before and after. */
  const packetKey = (key) => {
    const isDiff = Boolean(one(".diff-grid"));
    if (isDiff && key === "ArrowDown") tell("mission:line", 1);
    else if (isDiff && key === "ArrowUp") tell("mission:line", -1);
    else if (isDiff && key === "Enter") tell("mission:comment");
    else if (!isDiff && /^Arrow(Left|Right)$/.test(key)) tell("mission:arrow", key);
    else return false;
    return true;
  };

  const toggleFilter = () => {
    const filter = document.getElementById("filter");
    const button = one("[data-filter]");
    if (!filter || !button) return;
    filter.open = !filter.open;
    button.setAttribute("aria-expanded", String(filter.open));
    if (filter.open) one("input:not([type=hidden])", filter)?.focus();
  };

  const COPIED = { word: "Copied", ms: 2_000 };
  const NOT_COPIED = { word: "This browser does not let a page copy here: select and copy by hand", ms: 10_000 };
  const copies = new WeakMap(); // where it is said → what takes the word away again
  /** Copies a text, and says at `place` what came of it. */
  const copy = async (text, place) => {
    let told = COPIED;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      told = NOT_COPIED; // over plain http there is no clipboard at all
    }
    place.textContent = told.word;
    clearTimeout(copies.get(place));
    copies.set(place, setTimeout(() => (place.textContent = ""), told.ms));
    return told.word;
  };
  /** Copies what a button carries, and says so beside it and aloud. */
  const copyOf = async (button) => {
    let place = button.nextElementSibling;
    if (!place?.matches(".copied")) button.after((place = Object.assign(document.createElement("span"), { className: "dim copied", ariaHidden: "true" })));
    const word = await copy(button.dataset.copy, place);
    const said = document.getElementById("said");
    if (said) said.textContent = word;
  };
  document.addEventListener("mission:copy", ({ detail }) => copy(detail.text, detail.place));

  const help = document.getElementById("keys-help");
  for (const button of all("[data-keys-help]")) {
    button.hidden = false;
    button.addEventListener("click", () => help.showModal());
  }
  const off = one("[data-keys-off]");
  if (off) {
    off.checked = stored(OFF) === "yes";
    off.addEventListener("change", () => localStorage.setItem(OFF, off.checked ? "yes" : "no"));
  }
  // On a phone the columns stand in another order than in the document; the nearest to the person comes first.
  if (page === "board" && !location.hash && matchMedia("(max-width: 720px)").matches) requestAnimationFrame(() => one(".board")?.scrollTo({ left: 0 }));
  // What was just done is told for a while, and longer while somebody looks at it.
  const toast = one("[data-toast]");
  if (toast) {
    const address = new URL(location.href);
    address.searchParams.delete("did");
    history.replaceState(null, "", address);
    const leave = () => setTimeout(() => (toast.matches(":hover, :focus-within") ? leave() : toast.remove()), 12_000);
    leave();
  }
  // Workflows are those of the chosen project.
  const workflow = one("select[data-of-project]");
  const ofProject = () => {
    const chosen = one("[name=project]", workflow.form).value;
    for (const group of all("optgroup", workflow)) group.hidden = group.disabled = group.label !== chosen;
    if (one("option:checked", workflow)?.closest("optgroup")?.disabled) workflow.value = "";
  };
  if (workflow) {
    one("[name=project]", workflow.form).addEventListener("change", ofProject);
    ofProject();
  }
  let opened = {};
  const reveal = () => all(":is([data-copy], [data-shut])[hidden]").forEach((button) => (button.hidden = false));
  reveal();
  document.addEventListener("click", (event) => {
    // The second press of a double click does not close what the first one opened.
    const opener = event.detail ? event.target.closest?.("details.reply > summary") : undefined;
    if (opener && opener === opened.by && event.timeStamp - opened.at < 500) {
      event.preventDefault();
      one("textarea", opener.parentElement)?.focus();
    } else if (opener) opened = { by: opener, at: event.timeStamp };
    const open = event.target.closest?.("[data-shut]")?.closest("details");
    if (open) {
      open.open = false;
      one("summary", open).focus();
      tell("mission:shield"); // what moves up is not meant
    }
    if (event.target.closest?.("[data-toast-shut]")) toast.remove();
    const button = event.target.closest?.("[data-copy]");
    if (button) copyOf(button);
    if (event.target.closest?.("[data-filter]")) toggleFilter();
    if (event.target.closest?.("[data-fold]")) fold(event.target.closest(".band"));
  });
  // A choice of kinds hides the others: the mark goes to the first that is left, and single keys act on it again.
  document.addEventListener("change", (event) => {
    if (event.target.name !== "only") return;
    keep("needs-kind", event.target.value);
    const item = current();
    if (!item || !visible(item)) select(items()[0]);
  });
  // The choice holds until another one is made, over an answer too; a kind of which none waits is no choice.
  const chosen = one(`[name=only][value="${CSS.escape(kept("needs-kind") ?? "all")}"]`);
  if (chosen && !chosen.checked && visible(chosen.parentElement)) chosen.click();
  // After an answer the list comes back where it was left, at what has taken the place of the answered one.
  const sheet = one(".needs .body");
  if (sheet && toast && kept("needs-at")) {
    const { top, at } = JSON.parse(kept("needs-at"));
    select(items()[Math.min(at, items().length - 1)]);
    sheet.scrollTop = top;
  }
  if (sheet) {
    document.addEventListener("submit", (event) => {
      const item = event.target.closest?.(".ask");
      if (item) keep("needs-at", JSON.stringify({ top: sheet.scrollTop, at: items().indexOf(item) }));
    });
  }
  // Whoever opens a field wants to write in it.
  document.addEventListener("toggle", (event) => {
    const { target } = event;
    if (!target.open || !target.matches("details.reply") || one("summary", target) !== document.activeElement) return;
    const field = one("textarea", target);
    field?.focus({ preventScroll: true });
    // Nothing moves while a second press may come.
    setTimeout(() => target.open && (field?.form ?? target).scrollIntoView({ block: "nearest" }), 600);
  }, true);
  document.addEventListener("mission:placed", () => {
    reveal();
    unfolded();
    if (page !== "needs-you") return;
    const list = items();
    if (current()) return void (markAt = list.indexOf(current()));
    const next = list[Math.min(markAt, list.length - 1)];
    if (!next) return;
    // What takes the place of the marked one is not what the next key was meant for.
    next.setAttribute("aria-current", "true");
    strayed = Date.now();
  });
  document.addEventListener("keydown", pressed);
})();
