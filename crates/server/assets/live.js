// Live updates: fragments from the server's stream are morphed into the page. Never the focused field, an open form or the terminal.
(() => {
  const SILENCE_MS = 12_000; // the server sends its clock every 5 s
  const LATE_MS = 7_000; // then nobody knows how far behind this page is
  const TERMINAL_CHARS = 200_000;
  const byId = (id) => document.getElementById(id);
  const body = document.body;
  let source, lastId, heardAt, truthAt = Date.parse(body.dataset.now), isLost = false, ahead, placed, retryMs = 500;

  // Times of day are sent in UTC and shown in the reader's zone. (An `Intl.DateTimeFormat` alone takes Chromium 28 ms to make.)
  const two = (n) => String(n).padStart(2, "0");
  const clock = (date) => `${two(date.getHours())}:${two(date.getMinutes())}`;
  const localTimes = (root) => {
    for (const time of root.querySelectorAll("time[data-clock]")) {
      const at = new Date(time.dateTime);
      const isElsewhen = time.dataset.clock === "day" && at.toDateString() !== new Date().toDateString();
      time.textContent = (isElsewhen ? `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ` : "") + clock(at);
    }
  };

  // Ages go on: told as the server tells them, by its clock.
  const began = Date.parse(body.dataset.now) - performance.now();
  const lasted = (s) => {
    const minutes = Math.floor(s / 60), hours = Math.floor(s / 3600);
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${minutes} min`;
    if (s < 36_000 && minutes % 60) return `${hours} h ${two(minutes % 60)}`;
    return s < 172_800 ? `${hours} h` : `${Math.floor(hours / 24)} d`;
  };
  const age = () => {
    for (const time of document.querySelectorAll("time[datetime][title]:not([data-clock])")) {
      const s = Math.floor((began + performance.now() - Date.parse(time.dateTime)) / 1000);
      const isAgo = /(^just now| ago)$/.test(time.textContent);
      if (s >= 5) time.textContent = lasted(s) + (isAgo ? " ago" : "");
    }
  };

  const isDirty = (form) => [...form.elements].some((e) => "defaultValue" in e && e.type !== "hidden" && e.value !== e.defaultValue);
  const isHeld = (form) => isDirty(form) || form.contains(document.activeElement) || form.closest("details.reply[open], details.waive[open]");
  const held = (root) => [root, ...root.querySelectorAll("form")].filter((e) => e.matches("form") && isHeld(e));
  const find = (root, id) => (id ? (root.id === id ? root : root.querySelector(`#${CSS.escape(id)}`)) : null);

  // The tab says how much waits for the person.
  const title = document.title;
  const badge = () => {
    const count = byId("count-needs-you");
    const n = count && !count.hidden ? Number(count.textContent) : 0;
    document.title = n ? `(${n}) ${title}` : title;
  };
  badge();
  document.addEventListener("mission:placed", badge);

  // Who decided on a ticket last, since this page is open.
  const first = new Map();

  /** Locks a form whose subject changed: its text stays, its buttons do not act, and it says so, with who was first. */
  const lock = (form) => {
    for (const button of form.querySelectorAll("button")) button.disabled = true;
    const banner = form.querySelector(".changed:not(.unsent)");
    // It is said once in a decision, and wherever something is typed.
    const told = form.closest(".ask, #gate")?.querySelector("form .changed:not(.unsent, [hidden])");
    if (!banner || (told && told !== banner && !isDirty(form))) return;
    const by = first.get(/^\/tickets\/([^/]+)\//.exec(form.getAttribute("action"))?.[1]);
    const [strong, text] = mayOnlyLook ? [WATCHING, "Others decide this now."]
      : by ? [`${by.who} was first:`, `${by.what}, ${clock(new Date(by.at))}.`]
      : [banner.querySelector("b").textContent, banner.querySelector("span").textContent];
    const kept = "Your text stays here.";
    banner.querySelector("b").textContent = strong;
    banner.querySelector("span").textContent = isDirty(form) && !text.endsWith(kept) ? `${text} ${kept}` : text;
    banner.dataset.tone = "live";
    banner.hidden = false;
  };

  // What whoever looks may do may be changed under an open page.
  const WATCHING = "You may only look now.";
  const MAY = { look: `${WATCHING} What this page still offers is refused.`, act: "You may file, decide and steer now.", own: "You are an owner now." };
  let mayOnlyLook = false;
  const may = (word) => {
    mayOnlyLook = word === "look";
    const other = byId("other-role");
    if (!other) return;
    other.hidden = word === body.dataset.may;
    const said = `Your role was changed. ${MAY[word]}`;
    if (!other.hidden && other.querySelector("p").textContent !== said) other.querySelector("p").textContent = said;
  };

  /** Locks all that could be answered in an element, because of one form in it. */
  const lockAll = (root) => root.querySelectorAll("form[data-packet]").forEach(lock);

  /** Morphs one element, unless a form that somebody uses would be lost: that one is locked instead. */
  const morph = async (old, fresh) => {
    if (old.dataset.into !== fresh.dataset.into) byId(fresh.dataset.into)?.append(old);
    const kept = held(old);
    const changed = kept.filter((form) => find(fresh, form.id)?.dataset.packet !== form.dataset.packet);
    if (changed.length) return old.matches("form") ? lock(old) : lockAll(old);
    if (kept.includes(old)) return;
    const folds = [...old.querySelectorAll("details[open][class], details[open] > form")].map((e) => e.closest("details"));
    const marked = [...kept, ...old.querySelectorAll("[data-screen]")].filter((e) => find(fresh, e.id));
    for (const form of kept) fold(form, fresh)?.setAttribute("open", "");
    for (const details of folds) same(details, fresh)?.setAttribute("open", "");
    // The mark is the page's own: what is in a list keeps it or does not get it.
    if (old.dataset.into) old.hasAttribute("aria-current") ? fresh.setAttribute("aria-current", "true") : fresh.removeAttribute("aria-current");
    for (const e of marked) e.dataset.held = "";
    const before = subjects(old);
    try {
      await htmx.swap({ text: fresh.outerHTML, target: old, sourceElement: old, swap: "outerMorph" });
    } finally {
      for (const e of marked) delete e.dataset.held;
    }
    rest(byId(old.id) ?? old, before);
  };
  const subject = (button) => `${button.form?.getAttribute("action")} ${button.form?.dataset.packet} ${button.value} ${button.textContent}`;
  const subjects = (root) => new Set([...root.querySelectorAll("form button")].map(subject));
  /** Lets buttons that were not there before do nothing for a moment: a press may have been meant for what stood there. */
  const rest = (root, before) => {
    for (const button of root.querySelectorAll("form button")) {
      if (button.disabled || before.has(subject(button))) continue;
      button.disabled = true;
      setTimeout(() => (button.disabled = false), 700);
    }
  };
  const fold = (form, fresh) => find(fresh, form.id)?.closest("details");
  const same = (details, fresh) => {
    const inner = details.querySelector("form");
    return inner?.id ? fold(inner, fresh) : fresh.querySelector(`details.${CSS.escape(details.classList[0] ?? "-")}`);
  };

  /** Locks a verdict that stands elsewhere on the page once its gate says that something else is to be judged. */
  const watch = (fresh) => {
    if (fresh.id !== "gate" || byId("gate")) return;
    for (const form of document.querySelectorAll('form[data-packet][action$="/verdict"]')) {
      const now = [...fresh.querySelectorAll("form[data-packet]")].some((it) => it.dataset.packet === form.dataset.packet && it.getAttribute("action") === form.getAttribute("action"));
      if (!now) lock(form);
    }
  };

  /** Puts the elements of a fragment in their places. New decisions join at the end, so nothing moves under a hand. */
  const place = async (html) => {
    const parsed = document.createElement("template");
    parsed.innerHTML = html;
    for (const fresh of [...parsed.content.children]) {
      localTimes(fresh);
      watch(fresh);
      const old = fresh.id && byId(fresh.id);
      if (old) await morph(old, fresh);
      else if (fresh.dataset.into) {
        fresh.removeAttribute("aria-current");
        byId(fresh.dataset.into)?.append(fresh);
      }
    }
    document.dispatchEvent(new CustomEvent("mission:placed"));
  };

  /** Arranges a list: what is gone goes, what is new or moved comes first in the order told, the rest stays. */
  const arrange = ({ id, first, gone, html }) => {
    const list = byId(id);
    if (!list) return;
    const parsed = document.createElement("template");
    parsed.innerHTML = html;
    localTimes(parsed.content);
    const inList = (item) => list.querySelector(`:scope > #${CSS.escape(item)}`);
    for (const item of gone) inList(item)?.remove();
    first.forEach((item, at) => {
      const element = parsed.content.getElementById(item) ?? inList(item);
      if (element && list.children[at] !== element) list.insertBefore(element, list.children[at] ?? null);
    });
    document.dispatchEvent(new CustomEvent("mission:placed"));
  };

  // When somebody last used a key; nothing once they use a pointer.
  const KEYS_MS = 10_000;
  let keyedAt = 0;
  for (const name of ["pointermove", "pointerdown", "keydown"]) addEventListener(name, () => (keyedAt = name === "keydown" ? Date.now() : 0), { capture: true, passive: true });

  const remove = (id) => {
    const old = byId(id);
    if (!old) return;
    const leave = () => {
      const kept = held(old);
      if (!kept.length) return old.remove();
      lockAll(old);
      kept.forEach(lock);
    };
    // What is under a hand stays in its place until the hand is elsewhere: the next one would take it.
    const list = old.parentElement;
    const isMarked = () => Date.now() - keyedAt < KEYS_MS && old.hasAttribute("aria-current") && document.hasFocus();
    if (old.matches(".ask") && (list.matches(":hover") || isMarked())) {
      old.dataset.gone = ""; // until the ticket asks again
      for (const form of old.querySelectorAll("form")) lock(form);
      // The mark of the keys moves on by a key, and counts no more once somebody points, goes elsewhere or has stopped.
      const ends = new AbortController();
      const over = () => {
        const isBack = !old.isConnected || !("gone" in old.dataset);
        if (!isBack && (list.matches(":hover") || isMarked())) return;
        ends.abort();
        if (isBack) return;
        leave();
        document.dispatchEvent(new CustomEvent("mission:placed"));
      };
      const stopped = setInterval(over, 1_000);
      ends.signal.addEventListener("abort", () => clearInterval(stopped));
      for (const [target, name] of [[list, "pointerleave"], [document, "mission:marked"], [document, "pointerdown"], [window, "blur"]]) target.addEventListener(name, over, { signal: ends.signal });
    } else leave();
    document.dispatchEvent(new CustomEvent("mission:placed"));
  };

  const print = ({ attempt, text, to }) => {
    const screen = byId(`screen-${attempt}`);
    if (!screen || screen.hidden || to <= Number(screen.dataset.end)) return; // it came with the screen itself
    screen.dataset.end = to;
    if (screen.hasAttribute("data-empty")) {
      screen.removeAttribute("data-empty");
      screen.textContent = "";
    }
    const follows = screen.scrollHeight - screen.scrollTop - screen.clientHeight < 24;
    screen.append(text);
    if (screen.textContent.length > TERMINAL_CHARS) screen.textContent = screen.textContent.slice(-TERMINAL_CHARS / 2);
    if (follows) screen.scrollTop = screen.scrollHeight;
  };

  const show = (word, lag) => {
    const link = document.querySelector("#link-state");
    if (!link) return;
    link.dataset.link = word;
    link.querySelector("[data-link]").textContent = word === "live" ? "Live" : "Not live";
    link.querySelector("[data-lag]").textContent = lag === undefined ? "" : `· ${lag} ms behind`;
  };

  /** How far behind the page was when something was last placed, in milliseconds, where the two clocks were compared. */
  const lag = () => (ahead === undefined ? undefined : Math.max(0, Math.round(placed.at + ahead - placed.since)));

  /** Asks the server for its clock: by so much it is ahead of this one. What takes long says too little. */
  const compare = async () => {
    const asked = Date.now();
    try {
      const { now } = await (await fetch("/signed-in", { cache: "no-store", redirect: "error" })).json();
      const took = Date.now() - asked;
      if (took < 2_000) ahead = now - (asked + took / 2);
    } catch {
      // Without it nothing is said of how far behind the page is.
    }
    if (!isLost && placed) show("live", lag());
  };

  /** Takes the server's clock, since when what was just placed was so (from there to here the page was behind), and what its person may do. */
  const tick = (data) => {
    const [now, since, word] = data.split(" ");
    truthAt = Number(now);
    placed = { at: Date.now(), since: Number(since) };
    may(word);
    show("live", lag());
  };

  const alive = () => {
    isLost = false;
    retryMs = 500;
    if (byId("stale")) byId("stale").hidden = true;
    document.dispatchEvent(new CustomEvent("mission:live"));
    show("live");
    compare();
  };

  const stale = () => {
    isLost = true;
    show("lost");
    const since = byId("stale-since");
    if (since) since.textContent = clock(new Date(truthAt));
    if (byId("stale")) byId("stale").hidden = false;
    document.dispatchEvent(new CustomEvent("mission:stale"));
  };

  /** Where the pointer is on a decision: returns what brings it back under the pointer once something else has moved it. */
  const steady = () => {
    const hovered = document.querySelector(".ask:hover");
    if (!hovered) return undefined;
    const [list, sheet] = [hovered.parentElement, hovered.closest(".body")];
    const still = hovered.querySelector("button:hover, summary:hover, a:hover, textarea:hover") ?? hovered;
    const at = still.getBoundingClientRect().top;
    const moved = () => (still.isConnected ? still.getBoundingClientRect().top - at : 0); // what came in its stead rests by itself
    const room = (side, by) => (list.style[side] = `${Math.max(0, parseFloat(getComputedStyle(list)[side]) + by)}px`);
    return () => {
      if (!moved()) return;
      // Room that is left above or needed below goes once the pointer is elsewhere.
      if (!list.style.paddingTop && !list.style.paddingBottom) {
        list.addEventListener("pointerleave", () => (list.style.paddingTop = list.style.paddingBottom = ""), { once: true });
      }
      room("paddingTop", -moved());
      if (moved() > 0 && sheet) {
        room("paddingBottom", moved());
        sheet.scrollTop += moved();
      }
      if (Math.abs(moved()) >= 1) document.dispatchEvent(new CustomEvent("mission:shield"));
    };
  };

  // The dot breathes once for what was heard: one that never rests keeps a processor busy.
  const dot = document.querySelector(".link-state .pulse");
  dot?.addEventListener("animationend", () => dot.classList.remove("heard"));

  // Fragments are placed one after the other, in the order they came.
  let queue = Promise.resolve();
  const heard = (act) => (event) => {
    heardAt = Date.now();
    dot?.classList.add("heard");
    if (isLost) alive();
    if (event.lastEventId) lastId = event.lastEventId;
    const placing = async () => {
      const back = steady();
      await act(event.data);
      back?.();
    };
    queue = queue.then(placing).catch((error) => console.error("live:", error));
  };

  const connect = () => {
    source?.close();
    const address = new URL(body.dataset.live, location.href);
    if (lastId) address.searchParams.set("after", lastId);
    address.searchParams.set("person", body.dataset.person);
    source = new EventSource(address);
    source.onopen = () => {
      heardAt = Date.now();
      alive();
    };
    source.addEventListener("fragment", heard(place));
    source.addEventListener("list", heard((data) => arrange(JSON.parse(data))));
    source.addEventListener("gone", heard(remove));
    source.addEventListener("first", heard((data) => { const by = JSON.parse(data); first.set(by.ticket, by); }));
    source.addEventListener("begun", heard((key) => document.querySelector(`#toast form[action="/tickets/${CSS.escape(key)}/withdraw"]`)?.remove()));
    source.addEventListener("output", heard((data) => print(JSON.parse(data))));
    source.addEventListener("clock", heard(tick));
    source.addEventListener("said", heard((data) => { const said = byId("said"); if (said) said.textContent = data; }));
    source.addEventListener("out", () => {
      source.close();
      heardAt = 0;
      stale();
    });
    source.onerror = () => {
      stale();
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, (retryMs = Math.min(retryMs * 2, 30_000)));
    };
  };

  localTimes(document);
  if (body.dataset.now) setInterval(age, 15_000);
  for (const screen of document.querySelectorAll("[data-screen]")) screen.scrollTop = screen.scrollHeight;
  if (!body.dataset.live) return;
  connect();
  document.querySelector("[data-reconnect]")?.addEventListener("click", connect);
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => event.persisted && connect());
  setInterval(() => {
    const silent = heardAt ? Date.now() - heardAt : 0;
    if (isLost || silent < LATE_MS) return;
    if (silent > SILENCE_MS) {
      stale();
      connect(); // what is half open says nothing of its end
    } else show("live");
  }, 1_000);
})();
