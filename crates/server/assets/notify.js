// Notifications: what still needs the person after a while, told by one tab alone, seldom, and never while somebody looks at a page.
(() => {
  const person = document.body.dataset.person;
  if (!person) return;
  const LEADER = "mission-notify"; // the tab that tells
  const LOOKING = "mission-looking"; // shared by all tabs that somebody looks at
  const GATHER_MS = 500;
  const TITLES = 3;
  const can = "Notification" in window && "locks" in navigator && isSecureContext;
  const read = (key) => {
    try {
      return JSON.parse(localStorage.getItem(`${key}:${person}`)) ?? {};
    } catch {
      return {};
    }
  };
  const write = (key, value) => {
    try {
      localStorage.setItem(`${key}:${person}`, JSON.stringify(value));
    } catch {
      // A browser without storage forgets it with the page.
    }
  };
  const settings = () => ({ on: false, dwell: 30, cooldown: 120, ...read("notify") });
  const isOn = () => can && settings().on && Notification.permission === "granted";

  // The icon of the tab says whether something waits; its title says how much.
  const icon = document.querySelector("link[rel=icon][data-you]");
  const calm = icon?.getAttribute("href");
  const mark = () => {
    const count = document.getElementById("count-needs-you");
    const now = count && !count.hidden ? icon?.dataset.you : calm;
    if (icon && icon.getAttribute("href") !== now) icon.setAttribute("href", now);
  };
  mark();
  document.addEventListener("mission:placed", mark);
  if (can) begin();
  show();

  function begin() {
    // A tab holds a share of the second lock while somebody looks at it; it goes with the tab, however that ends.
    let leave;
    const isLooked = () => document.visibilityState === "visible" && document.hasFocus();
    const looked = () => {
      if (isLooked() && !leave) {
        navigator.locks.request(LOOKING, { mode: "shared" }, () => new Promise((done) => (isLooked() ? (leave = done) : done())));
      } else if (!isLooked() && leave) {
        leave();
        leave = undefined;
      }
    };
    for (const [target, name] of [[window, "focus"], [window, "blur"], [document, "visibilitychange"]]) target.addEventListener(name, looked);
    looked();
    navigator.locks.request(LEADER, () => {
      document.addEventListener("mission:placed", () => soon(GATHER_MS));
      addEventListener("storage", (event) => event.key === `notify:${person}` && soon(0));
      document.addEventListener("mission:notify", () => soon(0));
      soon(0);
      return new Promise(() => undefined); // for as long as the tab is there
    });
  }

  // The next look is the earliest that anything asked for.
  let timer;
  let due = Infinity;
  function soon(ms) {
    const at = Date.now() + ms;
    if (at >= due) return;
    clearTimeout(timer);
    due = at;
    timer = setTimeout(() => {
      due = Infinity;
      look().catch(() => soon(15_000)); // the server is away; the page says so itself
    }, ms);
  }

  const seen = new Map(); // since when this tab knows what waits
  const mine = ({ ticket }) => ticket.next_action?.who.kind === "person" && ["anyone", person].includes(ticket.next_action.who.name);
  const name = (item) => `${item.ticket.key} ${item.kind} ${item.ticket.next_action.since}`;
  const plain = (text) => text.replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/gu, " ");

  async function look() {
    if (!isOn()) return;
    const answer = await fetch("/api/v1/needs-you", { headers: { accept: "application/json" } });
    if (!answer.ok) throw new Error(`needs-you: ${answer.status}`);
    const items = (await answer.json()).items.filter(mine);
    const { dwell, cooldown } = settings();
    const now = Date.now();
    const names = new Set(items.map(name));
    for (const known of seen.keys()) if (!names.has(known)) seen.delete(known);
    for (const known of names) if (!seen.has(known)) seen.set(known, now);
    const { told = [], at = 0 } = read("notify-told");
    const still = told.filter((it) => names.has(it));
    const fresh = items.filter((it) => !still.includes(name(it)));
    const { held } = await navigator.locks.query();
    if (held.some((it) => it.name === LOOKING)) {
      // What stands before somebody's eyes is told.
      write("notify-told", { told: [...names], at });
      return;
    }
    const ripe = fresh.filter((it) => now - seen.get(name(it)) >= dwell * 1000);
    const rests = at + cooldown * 1000 - now;
    if (ripe.length && rests <= 0) {
      tell(ripe);
      write("notify-told", { told: [...still, ...ripe.map(name)], at: now });
    } else write("notify-told", { told: still, at });
    const waits = fresh.filter((it) => !ripe.includes(it)).map((it) => seen.get(name(it)) + dwell * 1000 - now);
    if (ripe.length && rests > 0) waits.push(rests);
    if (waits.length) soon(Math.max(GATHER_MS, Math.min(...waits)));
  }

  function tell(items) {
    const [first] = items;
    const one = items.length === 1;
    const title = one ? `${first.ticket.key} needs you` : `${items.length} decisions need you`;
    const lines = items.slice(0, TITLES).map((it) => one ? `${plain(it.what)}\n${plain(it.ticket.title)}` : plain(`${it.ticket.key} ${it.ticket.title}`));
    if (items.length > TITLES) lines.push(`and ${items.length - TITLES} more`);
    const note = new Notification(title, { body: lines.join("\n"), tag: "mission-needs-you", icon: icon?.dataset.you });
    note.onclick = () => {
      window.focus();
      location.href = one ? `/tickets/${encodeURIComponent(first.ticket.key)}` : "/needs-you";
    };
  }

  // The setting: this person's, in this browser. Leave is asked for on a click only.
  function show() {
    const box = document.querySelector("[data-notify]");
    if (!box) return;
    const [state, button] = [box.querySelector("[data-notify-state]"), box.querySelector("[data-notify-toggle]")];
    const paint = () => {
      const { on, dwell, cooldown } = settings();
      const words = !can ? "This browser cannot notify here: it does so only on https or on this machine." : Notification.permission === "denied" ? "This browser does not allow it. Allow notifications for this address in its settings first." : isOn() ? "On." : "Off.";
      state.textContent = words;
      button.hidden = !can || Notification.permission === "denied";
      button.textContent = isOn() ? "Turn off" : "Turn on";
      button.setAttribute("aria-pressed", String(isOn()));
      for (const [key, value] of Object.entries({ dwell, cooldown })) box.querySelector(`[name=${key}]`).value = String(value);
      box.dataset.on = String(on);
    };
    const change = (more) => {
      write("notify", { ...settings(), ...more });
      paint();
      document.dispatchEvent(new CustomEvent("mission:notify"));
    };
    button.addEventListener("click", async () => {
      if (isOn()) return change({ on: false });
      change({ on: (await Notification.requestPermission()) === "granted" });
    });
    for (const select of box.querySelectorAll("select")) select.addEventListener("change", () => change({ [select.name]: Number(select.value) }));
    box.hidden = false;
    paint();
  }
})();
