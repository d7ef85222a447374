// A form is sent only while the server answers and its person is signed in: otherwise it stays as it is, with its text, and says so. Without this script the
// browser sends every form itself.
(() => {
  const WAIT_MS = 4_000;
  const unsent = new Set();

  const person = document.body.dataset.person;

  /** Returns what keeps a form from being sent now: "gone" is the server, "out" whoever looks, "other" somebody else in this browser. */
  const hindered = async () => {
    try {
      const answer = await fetch("/signed-in", { cache: "no-store", redirect: "manual", signal: AbortSignal.timeout(WAIT_MS) });
      if (!person) return undefined;
      if (answer.type === "opaqueredirect") return "out";
      const now = await answer.json();
      if (now.person !== person) return "other";
      // Who signed in again sends what was typed before.
      for (const field of document.querySelectorAll("input[name=csrf]")) field.value = now.csrf;
      return undefined;
    } catch {
      return "gone";
    }
  };
  const WHY = {
    gone: ["Not sent.", "The server does not answer. What you typed stays here; send it again when the server is back."],
    out: ["Not sent: you are signed out.", "What you typed stays here. Sign in again in another tab, then send it once more."],
    other: ["Not sent.", "Somebody else is signed in in this browser now. What you typed stays here; load the page to go on as who is signed in."],
  };

  const say = (form, tone, strong, text) => {
    let note = form.querySelector(":scope > .unsent");
    if (!note) {
      note = document.createElement("div");
      note.className = "banner changed unsent";
      note.setAttribute("role", "alert");
      const p = document.createElement("p");
      p.append(document.createElement("b"), " ", document.createElement("span"));
      note.append(p);
      form.prepend(note);
    }
    note.dataset.tone = tone;
    note.querySelector("b").textContent = strong;
    note.querySelector("span").textContent = text;
  };

  // What was typed outlives a reload, until it is sent.
  const fields = () => [...document.querySelectorAll("form[method=post] :is(textarea, input:not([type]))[name]")].filter((it) => person && it.name !== "csrf");
  // A refused ticket stands at another address than the form it came from.
  const path = document.body.dataset.page === "new" ? "/tickets/new" : location.pathname;
  const place = (field) => `typed ${path} ${field.form.id || field.form.getAttribute("action")} ${field.form.dataset.packet ?? ""} ${field.name}`;
  const keep = (field, text) => {
    try {
      if (text) sessionStorage.setItem(place(field), text);
      else sessionStorage.removeItem(place(field));
    } catch {
      // A browser without storage keeps it as long as the page.
    }
  };
  // What was sent is forgotten once it was taken: a refusal leads back to it.
  const GOING = "typed and sent";
  try {
    const isTaken = person && !["new", "problem"].includes(document.body.dataset.page);
    if (isTaken) for (const key of JSON.parse(sessionStorage.getItem(GOING) ?? "[]")) sessionStorage.removeItem(key);
    if (person) sessionStorage.removeItem(GOING);
  } catch {
    // There is none to forget.
  }
  const restored = new Set();
  for (const field of fields()) {
    try {
      if (field.value === field.defaultValue) field.value = sessionStorage.getItem(place(field)) ?? field.value;
      if (field.value !== field.defaultValue) restored.add(field.form);
    } catch {
      break;
    }
  }
  const forget = (form) => {
    for (const field of fields()) if (field.form === form) keep(field, "");
  };
  const draft = document.getElementById("new-ticket");
  if (restored.has(draft)) {
    const note = document.createElement("div");
    note.className = "banner draft-kept";
    note.setAttribute("role", "status");
    const p = document.createElement("p");
    p.textContent = "Your draft from before.";
    const over = document.createElement("button");
    over.type = "button";
    over.className = "btn sm";
    over.textContent = "Start over";
    over.addEventListener("click", () => {
      forget(draft);
      draft.reset();
      note.remove();
      draft.elements.title.focus();
    });
    note.append(p, over);
    draft.prepend(note);
  }
  draft?.querySelector("[data-forgets]")?.addEventListener("click", () => forget(draft));
  document.addEventListener("input", ({ target }) => {
    if (target.form && fields().includes(target)) keep(target, target.value === target.defaultValue && !document.getElementById("problem") ? "" : target.value);
  });

  // A press that comes with the page itself was meant for what stood there before: the second of a double click.
  const SENT = "mission sent";
  const sentAt = () => {
    try {
      const at = Number(sessionStorage.getItem(SENT));
      sessionStorage.removeItem(SENT);
      return at;
    } catch {
      return 0;
    }
  };
  const shield = (event) => {
    if (!event.isTrusted || !event.detail || !event.target.closest?.("button, summary")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  const shielded = () => {
    addEventListener("click", shield, true);
    setTimeout(() => removeEventListener("click", shield, true), 500);
  };
  if (Date.now() - sentAt() < 3_000) shielded();
  document.addEventListener("mission:shield", shielded);

  /** Asks before what acts at once and is not taken back: the first press says so, a second one that is no double click does it. */
  const otherwise = new WeakMap(); // what a button that asks says when it does not
  const asks = (button) => {
    const question = button?.dataset.ask;
    if (!question) return false;
    if (button.dataset.asked) return Date.now() - Number(button.dataset.asked) < 500;
    if (!otherwise.has(button)) otherwise.set(button, [...button.childNodes]);
    button.dataset.asked = Date.now();
    button.replaceChildren(question);
    const said = document.getElementById("said");
    if (said) said.textContent = question;
    const back = () => {
      delete button.dataset.asked;
      // A press on the button beside it goes on: that one stays where it is meanwhile.
      setTimeout(() => {
        if (button.dataset.asked || !otherwise.has(button)) return;
        button.replaceChildren(...otherwise.get(button));
        otherwise.delete(button);
      }, 300);
    };
    button.addEventListener("blur", back, { once: true });
    return true;
  };

  // Before all others: what they do on a submit is done once it is sent.
  document.addEventListener("submit", async (event) => {
    const { target: form, submitter } = event;
    if (form.method !== "post" || form.dataset.sends === "now") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.dataset.sends || asks(submitter)) return;
    // Its answer leads to another page: what is sent beside it would never be told.
    if (document.querySelector("form[aria-busy=true]")) return say(form, "warn", "Not sent yet.", "Something else of this page is on its way. Send this once it is done.");
    form.dataset.sends = "asked";
    const why = await hindered();
    if (why) {
      delete form.dataset.sends;
      unsent.add(form);
      return say(form, "bad", ...WHY[why]);
    }
    form.querySelector(":scope > .unsent")?.remove();
    unsent.delete(form);
    form.dataset.sends = "now";
    try {
      sessionStorage.setItem(SENT, Date.now());
      sessionStorage.setItem(GOING, JSON.stringify(fields().filter((it) => it.form === form).map(place)));
    } catch {
      // A browser without storage is not shielded from a double click.
    }
    form.requestSubmit(submitter);
    form.dataset.sends = "sent"; // once, also when it is pressed twice
    if (form.dataset.answer === "page") setTimeout(() => delete form.dataset.sends, WAIT_MS);
  }, true);

  /** Says the server's no where it was asked for: in the form, or under the page's head where the form is but a button. */
  const refuse = (form, markup) => {
    const holder = document.createElement("template");
    holder.innerHTML = markup;
    const no = holder.content.firstElementChild;
    no.querySelector(`a[href="${CSS.escape(location.pathname)}"]`)?.remove();
    const isTyped = form.querySelector("textarea, select, input:not([type=hidden])");
    if (!isTyped) no.querySelector("[data-kept]")?.remove();
    (isTyped ? form : document.querySelector(".banners") ?? form).prepend(no);
    no.scrollIntoView({ block: "nearest" });
  };
  const letGo = (form) => {
    form.removeAttribute("aria-busy");
    delete form.dataset.sends;
  };
  const forgetSent = () => {
    try {
      for (const key of [SENT, GOING]) sessionStorage.removeItem(key);
    } catch {
      // There is none to forget.
    }
  };

  // After all others: what is refused is said where it was asked for, and the page stays as it is. What may be answered by a page is sent as a browser does.
  const IN_PLACE = "x-mission-in-place";
  const DOORS = [401, 403, 413, 421];
  /** Says that nobody knows whether it was recorded: the answer is not the server's, or there is none. */
  const lost = (form) => {
    forgetSent();
    say(form, "bad", "Perhaps sent.", "No answer of the server came back. What you typed stays here: see whether it was recorded before you send it again.");
  };
  addEventListener("submit", async (event) => {
    const { target: form, submitter } = event;
    if (event.defaultPrevented || form.dataset.sends !== "now" || form.dataset.answer === "page") return;
    event.preventDefault();
    for (const no of document.querySelectorAll(".refused")) no.remove();
    form.setAttribute("aria-busy", "true");
    const fields = new URLSearchParams(new FormData(form, submitter));
    let answer, markup;
    try {
      answer = await fetch(form.getAttribute("action"), { method: "POST", body: fields, headers: { [IN_PLACE]: "" }, redirect: "manual" });
      markup = await answer.text();
    } catch {
      answer = undefined;
    }
    const to = answer?.headers.get(IN_PLACE) ?? null;
    if (to) return location.assign(to);
    letGo(form);
    if (to === null && DOORS.includes(answer?.status)) {
      // Refused at the door, before anything was done: the browser shows what it says.
      form.dataset.answer = "page";
      return form.requestSubmit(submitter);
    }
    if (to === null) return lost(form);
    forgetSent();
    refuse(form, markup);
  });

  addEventListener("pageshow", (event) => {
    if (event.persisted) for (const form of document.querySelectorAll("form[data-sends]")) letGo(form);
  });

  document.addEventListener("mission:live", () => {
    for (const form of unsent) say(form, "ok", "The server answers again.", "Nothing was sent meanwhile: send it now.");
  });

  const TOLD = {
    here: "You see what was known then. Decisions still count.",
    gone: "The server does not answer: you see what was known then, and nothing can be sent now.",
    out: "You are signed out: you see what was known then, and nothing can be sent. What you typed stays here. Sign in again in another tab, then reconnect.",
    other: "Somebody else is signed in in this browser now: this page shows what was known then, and sends nothing.",
  };
  // The banner says what can be done while nothing is live.
  document.addEventListener("mission:stale", async () => {
    const told = document.getElementById("stale-sends");
    const why = await hindered();
    if (told) told.textContent = TOLD[why ?? "here"];
    const link = document.getElementById("stale-sign-in");
    if (link) link.hidden = why !== "out";
  });
})();
