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

  // Before all others: what they do on a submit is done once it is sent.
  document.addEventListener("submit", async (event) => {
    const { target: form, submitter } = event;
    if (form.method !== "post" || form.dataset.sends === "now") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form.dataset.sends) return;
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
    form.requestSubmit(submitter);
    form.dataset.sends = "sent"; // once, also when it is pressed twice
    setTimeout(() => delete form.dataset.sends, WAIT_MS);
  }, true);

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
