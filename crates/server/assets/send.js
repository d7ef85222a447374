// A form is sent only while the server answers: otherwise it stays as it is, with its text, and says so. Without this script the
// browser sends every form itself.
(() => {
  const WAIT_MS = 4_000;
  const unsent = new Set();

  /** Returns whether the server answers now. */
  const answers = async () => {
    try {
      return (await fetch("/healthz", { cache: "no-store", redirect: "error", signal: AbortSignal.timeout(WAIT_MS) })).ok;
    } catch {
      return false;
    }
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
    try {
      if (await answers()) {
        form.querySelector(":scope > .unsent")?.remove();
        unsent.delete(form);
        form.dataset.sends = "now";
        form.requestSubmit(submitter);
        return;
      }
      unsent.add(form);
      say(form, "bad", "Not sent.", "The server does not answer. What you typed stays here; send it again when the server is back.");
    } finally {
      delete form.dataset.sends;
    }
  }, true);

  document.addEventListener("mission:live", () => {
    for (const form of unsent) say(form, "ok", "The server answers again.", "Nothing was sent meanwhile: send it now.");
  });

  // The banner says what can be done while nothing is live.
  document.addEventListener("mission:stale", async () => {
    const told = document.getElementById("stale-sends");
    if (told) told.textContent = (await answers()) ? "You see what was known then. Decisions still count." : "The server does not answer: you see what was known then, and nothing can be sent now.";
  });
})();
