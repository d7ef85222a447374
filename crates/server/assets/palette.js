// Command palette: actions of this page and what the server finds for some words. Without it the search field does its part.
(() => {
  const dialog = document.getElementById("palette");
  if (!dialog) return;
  const field = document.getElementById("palette-q");
  const here = document.getElementById("palette-here");
  const found = document.getElementById("palette-found");
  const none = document.getElementById("palette-none");
  const visible = (e) => e.getClientRects().length > 0;
  const options = () => [...dialog.querySelectorAll("[role=option]")].filter(visible);
  const current = () => dialog.querySelector("[role=option][aria-selected=true]");
  let asked = 0;
  let before;
  let answered; // the words that the list answers
  let isWanted = false; // enter was pressed before the answer came

  const choose = (option) => {
    for (const other of dialog.querySelectorAll("[role=option]")) other.setAttribute("aria-selected", String(other === option));
    if (option) {
      option.id ||= `option-${[...dialog.querySelectorAll("[role=option]")].indexOf(option)}-${Date.now()}`;
      field.setAttribute("aria-activedescendant", option.id);
      option.scrollIntoView({ block: "nearest" });
    } else field.removeAttribute("aria-activedescendant");
  };

  /** The page's own actions: what a key would reach now and what says what it does; for some words every button as well. */
  const actions = (isAll) => {
    const own = document.body.dataset.page === "needs-you" ? document.querySelector(".ask[aria-current]") : undefined;
    const isHere = (e) => !own || own.contains(e) || !e.closest(".ask");
    const isFolded = (e) => Boolean((e.matches("summary") ? e.parentElement.parentElement : e).closest("details:not([open])"));
    const isOff = (e) => e.disabled || dialog.contains(e) || isFolded(e) || !(visible(e) || e.matches("a.sr"));
    const shown = [...document.querySelectorAll(isAll ? `${NAMED}, ${EVERY}` : NAMED)].filter((e) => !isOff(e) && isHere(e));
    const rank = (e) => (own?.contains(e) || e.matches("#toast *") ? 0 : e.matches("a.sr") ? 4 : !e.dataset.does ? 3 : keyOf(e) ? 1 : 2);
    shown.sort((a, b) => rank(a) - rank(b));
    // Of the person, on every page; on a phone they lie in a fold.
    if (isAll) for (const it of OWN) shown.push(...[...document.querySelectorAll(it)].filter((e) => !e.hidden).slice(0, 1));
    const seen = new Set();
    return shown.map((target) => ({ target, key: keyOf(target), label: doesOf(target), finds: `${labelOf(target)} ${target.dataset.finds ?? ""}` })).filter(({ label }) => label && !seen.has(label) && seen.add(label));
  };
  const NAMED = "[data-key], main [data-does]";
  const EVERY = "main button, main summary, main a.btn";
  const OWN = ["[data-theme-toggle]", "[data-keys-help]", 'form[action="/sign-out"] button'];
  const keyOf = (e) => e.dataset.key ?? (e.matches("summary") ? e.parentElement.querySelector("[data-key]")?.dataset.key : undefined);
  const labelOf = (e) => {
    const text = e.getAttribute("aria-label") || e.placeholder || [...e.childNodes].filter((n) => n.nodeName !== "KBD" && n.nodeName !== "svg").map((n) => n.textContent).join(" ");
    return text.replace(/…/g, "").replace(/\s+/g, " ").trim();
  };
  /** What it does and to what, in words. */
  const doesOf = (e) => {
    const key = (e.closest("#toast") ?? document.querySelector(".crumbs"))?.querySelector(".key")?.textContent;
    const of = key ? ` of ${key}` : "";
    const path = e.matches("a[href]") ? new URL(e.href).pathname : "";
    if (e.matches("#toast [data-key]")) return `Undo what you did to ${key}`;
    if (e.dataset.does) return e.dataset.does;
    if (e.matches("a[data-key=d]") && path.endsWith("/diff")) return `Read the change${of}`;
    if (e.matches("a[data-key=p]") && path.includes("/packets/")) return `Open the packet${of}`;
    return labelOf(e);
  };

  /** Lists what is done here and fits `words`; above what was found elsewhere only where it begins with one of them. */
  const offerHere = (words) => {
    const list = here.querySelector("[data-options]");
    list.replaceChildren();
    let begins = !words.length;
    const isBegun = (label) => words.some((word) => label.toLowerCase().startsWith(word));
    for (const { target, key, label, finds } of actions(words.length > 0).sort((a, b) => isBegun(b.label) - isBegun(a.label))) {
      const text = `${label} ${finds}`.toLowerCase();
      const bare = text.replace(/\b[a-z0-9]+-\d+(\.\d+)?\b/g, ""); // a ticket's key alone looks for the ticket
      if (!words.every((word) => text.includes(word)) || (words.length && !words.some((word) => bare.includes(word)))) continue;
      begins ||= isBegun(label);
      const option = document.createElement("button");
      option.type = "button";
      option.tabIndex = -1;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      const span = document.createElement("span");
      span.textContent = label;
      const end = document.createElement("span");
      end.className = "end";
      if (key) end.append(Object.assign(document.createElement("kbd"), { textContent: key }));
      option.append(span, end);
      option.addEventListener("click", () => {
        shut();
        if (target.matches(OWN.join())) target.click();
        else document.dispatchEvent(new CustomEvent("mission:run", { detail: target }));
      });
      list.append(option);
    }
    here.hidden = !list.children.length;
    found[begins ? "before" : "after"](here);
  };

  const offer = async () => {
    const text = field.value;
    const turn = ++asked;
    offerHere(wordsOf(text));
    try {
      const answer = await fetch(`/palette?q=${encodeURIComponent(text)}`, { headers: { accept: "text/html" } });
      if (turn !== asked) return;
      found.innerHTML = answer.ok ? await answer.text() : "";
    } catch {
      found.replaceChildren(); // offline: the page's own actions are still there
    }
    answered = text;
    const first = options()[0];
    choose(wordsOf(text).length ? first : undefined); // nothing is done by enter alone
    none.hidden = Boolean(first);
    if (isWanted) current()?.click();
    isWanted = false;
  };
  const wordsOf = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
  const take = () => {
    if (answered === field.value) current()?.click();
    else isWanted = true;
  };

  const open = (text = "") => {
    before = document.activeElement;
    field.value = text;
    answered = undefined;
    isWanted = false;
    found.replaceChildren();
    dialog.showModal();
    field.focus();
    offer();
  };

  const step = (by) => {
    const all = options();
    const at = all.indexOf(current());
    choose(at < 0 ? all.at(by < 0 ? -1 : 0) : all[(at + by + all.length) % all.length]);
  };

  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || (event.ctrlKey && event.key === "n")) step(1);
    else if (event.key === "ArrowUp" || (event.ctrlKey && event.key === "p")) step(-1);
    else if (event.key === "Enter") take();
    else return;
    event.preventDefault();
  });
  dialog.addEventListener("mousemove", (event) => {
    const option = event.target.closest?.("[role=option]");
    if (option && option !== current()) choose(option);
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) shut();
  });
  // At once, not with the event of the closing: that comes a moment later, and keys pressed until then would go to the hidden field.
  const shut = () => {
    dialog.close();
    field.blur();
    before?.focus?.({ preventScroll: true });
  };
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    shut();
  });
  let pause;
  field.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(offer, 60);
  });
  document.addEventListener("mission:palette", () => open());
  for (const search of document.querySelectorAll("[data-search]")) {
    search.addEventListener("mousedown", (event) => {
      event.preventDefault();
      open(search.value);
    });
  }
})();
