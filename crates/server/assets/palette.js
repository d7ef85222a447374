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

  /** The page's own actions: everything with a key that a press would reach now. */
  const actions = () => {
    const root = document.body.dataset.page === "needs-you" ? (document.querySelector(".ask[aria-current]") ?? document) : document;
    const seen = new Set();
    return [...root.querySelectorAll("[data-key]")]
      .filter((e) => e.dataset.key && !e.disabled && !dialog.contains(e) && (visible(e) || e.matches("a.sr")))
      .map((target) => ({ target, key: target.dataset.key, label: labelOf(target) }))
      .filter(({ label, key }) => label && !seen.has(label + key) && seen.add(label + key));
  };
  const labelOf = (e) => {
    const text = e.getAttribute("aria-label") || e.placeholder || [...e.childNodes].filter((n) => n.nodeName !== "KBD" && n.nodeName !== "svg").map((n) => n.textContent).join(" ");
    return text.replace(/…/g, "").replace(/\s+/g, " ").trim();
  };

  const offerHere = (words) => {
    const list = here.querySelector("[data-options]");
    list.replaceChildren();
    for (const { target, key, label } of actions()) {
      if (!words.every((word) => label.toLowerCase().includes(word))) continue;
      const option = document.createElement("button");
      option.type = "button";
      option.tabIndex = -1;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      const span = document.createElement("span");
      span.textContent = label;
      const end = document.createElement("span");
      end.className = "end";
      const kbd = document.createElement("kbd");
      kbd.textContent = key;
      end.append(kbd);
      option.append(span, end);
      option.addEventListener("click", () => {
        shut();
        document.dispatchEvent(new CustomEvent("mission:run", { detail: target }));
      });
      list.append(option);
    }
    here.hidden = !list.children.length;
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
    choose(first);
    none.hidden = Boolean(first);
    if (isWanted) first?.click();
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
    choose(all[(at + by + all.length) % all.length]);
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
