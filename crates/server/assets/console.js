// The terminal of a lane: loaded and connected when somebody opens it, read-only until they take the session over.
(() => {
  const KEPT = "console";
  const FONT = { least: 9, most: 12, ratio: 0.602 }; // a character's width in JetBrains Mono, of its size
  const LINES = { rows: 24, scrollback: 5000 };
  const PASTE = 8_000; // characters in one message: what is pasted goes in pieces
  const RETRY = { first: 300, most: 10_000 };
  const SKELETON = { afterMs: 300, lines: 6 };
  const LEAVE = "F6";
  const open = new Map(); // host element → its terminal
  const byId = (id) => document.getElementById(id);
  const clock = (date) => [date.getHours(), date.getMinutes()].map((n) => String(n).padStart(2, "0")).join(":");
  const one = (selector, root = document) => root.querySelector(selector);
  const kept = (value) => {
    try {
      if (value === undefined) return localStorage.getItem(KEPT) === "open";
      localStorage.setItem(KEPT, value ? "open" : "closed");
    } catch {
      // A browser without storage forgets it with the page.
    }
    return false;
  };

  // The terminal makes style elements and style attributes, which the page's policy forbids. Rather than a hole in the policy, the
  // two kinds of element that it styles so get their styles through the object model, from the first terminal on.
  const make = Document.prototype.createElement;
  const sheet = () => {
    const element = make.call(document, "template");
    const rules = new CSSStyleSheet();
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, rules];
    Object.defineProperty(element, "textContent", { set: (css) => rules.replaceSync(css) });
    element.remove = () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((it) => it !== rules);
      Element.prototype.remove.call(element);
    };
    return element;
  };
  const span = () => {
    const element = make.call(document, "span");
    element.setAttribute = (name, value) => {
      if (name === "style") element.style.cssText = value;
      else Element.prototype.setAttribute.call(element, name, value);
    };
    return element;
  };
  const makers = { style: sheet, span };
  const keepPolicy = () => {
    document.createElement = (tag, ...rest) => (Object.hasOwn(makers, tag) ? makers[tag]() : make.call(document, tag, ...rest));
  };

  /** The page's own colours, as this scheme has them. */
  const theme = (view) => {
    const probe = view.appendChild(document.createElement("i"));
    const as = (property, value) => {
      probe.style[property] = value;
      return getComputedStyle(probe)[property];
    };
    const colour = (name) => as("color", `var(--${name})`);
    const [red, green, yellow, blue, magenta, cyan, dim, soft] = ["bad", "g", "y", "live", "you", "c", "ink-3", "ink-2"].map(colour);
    const { backgroundColor: background, color: foreground } = getComputedStyle(view);
    const found = { match: as("backgroundColor", "var(--found)"), current: as("backgroundColor", "var(--found-now)") };
    const selectionBackground = as("backgroundColor", "var(--chosen)");
    probe.remove();
    return {
      found,
      colours: {
        background, foreground, cursor: soft, cursorAccent: background, selectionBackground,
        black: dim, red, green, yellow, blue, magenta, cyan, white: soft,
        brightBlack: dim, brightRed: red, brightGreen: green, brightYellow: yellow, brightBlue: blue, brightMagenta: magenta, brightCyan: cyan, brightWhite: foreground,
      },
    };
  };
  /** `#rrggbb` of any colour: what marks a match is asked for in this form. */
  const hex = (colour) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
    const pen = canvas.getContext("2d", { willReadFrequently: true });
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return `#${[...pen.getImageData(0, 0, 1, 1).data.slice(0, 3)].map((it) => it.toString(16).padStart(2, "0")).join("")}`;
  };

  const styled = (address) =>
    new Promise((done) => {
      if (one(`link[href="${CSS.escape(address)}"]`)) return done();
      const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: address, onload: done, onerror: done });
      document.head.append(link);
    });

  class Console {
    constructor(host) {
      this.host = host;
      this.id = host.dataset.terminal;
      this.view = one("[data-view]", host);
      this.state = { terminal: true, may: false, mine: false };
      this.offset = undefined;
      this.retryMs = RETRY.first;
    }

    part(name) {
      return one(`[data-${name}]`, this.host);
    }

    async start() {
      this.waits(true);
      const { xterm, fit, searchAddon, xtermStyle, style } = this.host.dataset;
      const [{ Terminal }, { FitAddon }, { SearchAddon }] = await Promise.all([import(xterm), import(fit), import(searchAddon), styled(xtermStyle), styled(style)]);
      await document.fonts.load("12px 'JetBrains Mono Variable'").catch(() => []);
      if (this.isOver) return;
      keepPolicy();
      const { colours } = (this.theme = theme(this.view));
      const options = { allowProposedApi: true, disableStdin: true, theme: colours, minimumContrastRatio: 4.5, fontFamily: getComputedStyle(this.view).fontFamily, fontSize: FONT.most, lineHeight: 1.3, scrollback: LINES.scrollback, cursorInactiveStyle: "none", drawBoldTextInBrightColors: false };
      this.term = new Terminal(options);
      this.fit = new FitAddon();
      this.search = new SearchAddon();
      this.term.loadAddon(this.fit);
      this.term.loadAddon(this.search);
      this.waits(false);
      this.term.open(this.view);
      this.term.textarea?.setAttribute("aria-label", `Terminal of ${this.id}`);
      this.search.onDidChangeResults(({ resultIndex, resultCount }) => {
        const term = this.part("find").value;
        this.part("found").textContent = !term ? "" : resultCount ? `${resultIndex + 1} of ${resultCount}` : "not found";
      });
      this.term.onData((data) => this.keys(data));
      this.term.attachCustomKeyEventHandler((event) => this.isOurs(event));
      this.wire();
      this.connect();
    }

    /** While the terminal is loaded there is nothing to find; when that takes long, a skeleton stands in its place. */
    waits(is) {
      this.view.setAttribute("aria-busy", String(is));
      this.part("find").disabled = is;
      clearTimeout(this.late);
      if (!is) return this.view.replaceChildren();
      this.late = setTimeout(() => {
        const skeleton = Object.assign(document.createElement("div"), { className: "skel" });
        for (let n = 0; n < SKELETON.lines; n++) skeleton.append(document.createElement("i"));
        this.view.replaceChildren(skeleton);
      }, SKELETON.afterMs);
    }

    /** Keys that the terminal leaves to the page: all but scrolling while it is only looked at, and always the way out. */
    isOurs(event) {
      if (event.key === LEAVE) {
        if (event.type === "keydown") this.part("hand").hidden ? this.part("close").focus() : this.part("hand").focus();
        return false;
      }
      if ((event.ctrlKey || event.metaKey) && event.key === "c" && this.term.hasSelection()) return false;
      return this.types() || /^(Page|Arrow|Home|End|Shift)/.test(event.key);
    }

    types() {
      return this.state.mine && this.state.terminal;
    }

    wire() {
      const on = (name, type, act) => this.part(name).addEventListener(type, act);
      const options = () => ({ incremental: true, decorations: { matchBackground: hex(this.theme.found.match), activeMatchBackground: hex(this.theme.found.current), matchOverviewRuler: "#888888", activeMatchColorOverviewRuler: "#888888" } });
      const find = (step) => {
        const term = this.part("find").value;
        if (!term) {
          this.search.clearDecorations();
          this.part("found").textContent = "";
        } else if (step < 0) this.search.findPrevious(term, { ...options(), incremental: false });
        else this.search.findNext(term, { ...options(), incremental: step === 0 });
      };
      on("find", "input", () => find(0));
      on("find", "keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        find(event.shiftKey ? -1 : 1);
      });
      for (const button of this.host.querySelectorAll("[data-step]")) button.addEventListener("click", () => find(Number(button.dataset.step)));
      on("hand", "click", () => this.say({ type: this.state.mine ? "give_back" : "take_over" }));
      on("interrupt", "click", () => this.say({ type: "interrupt" }));
      on("copy-all", "click", () => this.copy());
      on("full", "click", () => this.fill());
      on("close", "click", () => close(this.host));
      on("line", "submit", (event) => {
        event.preventDefault();
        const { text } = event.target.elements;
        if (!text.value.trim() || !this.say({ type: "say", text: text.value.trim() })) return;
        text.value = "";
        this.note("It waits for the end of the turn.");
      });
      this.view.addEventListener("wheel", () => (this.isAway = true), { passive: true });
      this.view.addEventListener("touchmove", () => (this.isAway = true), { passive: true });
      this.view.addEventListener("scroll", () => (this.isAway &&= this.view.scrollTop + this.view.clientHeight < this.view.scrollHeight - 4));
      this.sizes = new ResizeObserver(() => this.resize());
      this.sizes.observe(this.view);
      this.scheme = matchMedia("(prefers-color-scheme: dark)");
      this.dress = () => {
        this.theme = theme(this.view);
        this.term.options.theme = this.theme.colours;
      };
      this.scheme.addEventListener("change", this.dress);
      this.themes = new MutationObserver(this.dress);
      this.themes.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    }

    connect() {
      const address = new URL(`/api/v1/attempts/${this.id}/console`, location.href);
      address.protocol = address.protocol.replace("http", "ws");
      if (this.offset !== undefined) address.searchParams.set("after", this.offset);
      const socket = (this.socket = new WebSocket(address));
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => (typeof data === "string" ? this.told(JSON.parse(data)) : this.printed(data));
      socket.onclose = ({ code }) => this.lost(code);
    }

    lost(code) {
      if (this.isOver) return;
      this.stands({ ...this.state, mine: false, may: false });
      if (code === 4401) return this.note("You are signed out. Sign in again to go on.");
      this.note("Not connected. What is printed meanwhile comes when the link is back.");
      setTimeout(() => this.isOver || this.connect(), this.retryMs);
      this.retryMs = Math.min(this.retryMs * 2, RETRY.most);
    }

    /** Bytes are acknowledged once they are shown: the server sends no more than a window ahead of that. */
    printed(data) {
      const bytes = data.byteLength;
      this.offset = (this.offset ?? 0) + bytes;
      this.term.write(new Uint8Array(data), () => {
        this.say({ type: "shown", bytes });
        this.follow();
      });
    }

    /** Keeps the cursor of a terminal that is taller than its place in view, until somebody scrolls elsewhere. */
    follow() {
      if (this.isOver || !this.state.terminal || this.isAway) return;
      const { view, term } = this;
      const below = ((term.buffer.active.cursorY + 1) / term.rows) * term.element.clientHeight + term.element.offsetTop - view.offsetTop + 8;
      if (below > view.scrollTop + view.clientHeight) view.scrollTop = below - view.clientHeight;
    }

    told(said) {
      if (said.type === "state") {
        this.retryMs = RETRY.first;
        this.stands(said);
      } else if (said.type === "skipped") {
        if (said.to !== (this.offset ?? 0)) {
          this.term.reset();
          this.part("passed").textContent = `${((said.to - said.from) / 1e6).toFixed(1)} MB before this were passed over: the log and the recording have them.`;
        }
        this.offset = said.to;
      } else if (said.type === "refused") this.note(said.text, "bad");
    }

    stands(state) {
      const had = this.state.mine;
      this.state = state;
      const { mine, may, terminal, held_by: holder } = state;
      const hand = this.part("hand");
      hand.hidden = !may;
      hand.textContent = mine ? "Give back" : "Take over";
      this.part("interrupt").hidden = !may || terminal;
      this.part("line").hidden = !mine || terminal;
      this.host.toggleAttribute("data-mine", Boolean(mine));
      this.term.options.disableStdin = !this.types();
      this.term.options.convertEol = !terminal;
      this.term.options.cursorBlink = this.types();
      this.resize();
      if (mine && !had) this.isAway = false;
      if (mine && !had) (terminal ? this.term : one("input", this.part("line"))).focus();
      if (mine) this.note(terminal ? `You have the session: what you type goes to the program. ${LEAVE} leaves the terminal.` : "You have the session: what you send is a message to the agent.", "you");
      else if (holder) this.note(`${holder} has the session.`);
      else if (state.state === "ended") this.note(state.ended_at ? `Ended ${clock(new Date(state.ended_at))} · this is what it wrote` : "The attempt is over.");
      else this.note(may ? "Read only. Who takes over shares in the work, so somebody else signs it off." : "Read only.");
    }

    note(text, tone = "") {
      const note = this.part("note");
      note.textContent = text;
      note.dataset.tone = tone;
    }

    keys(data) {
      if (!this.types()) return;
      for (let at = 0; at < data.length; at += PASTE) this.say({ type: "keys", data: data.slice(at, at + PASTE) });
    }

    say(said) {
      if (this.socket?.readyState !== WebSocket.OPEN) return false;
      this.socket.send(JSON.stringify(said));
      return true;
    }

    /** A program's own terminal keeps its size, and the letters follow; lines follow the place they have. */
    resize() {
      if (!this.term || !this.view.clientWidth) return;
      const { cols, rows, terminal } = this.state;
      if (terminal && cols && rows) {
        const room = (this.view.clientWidth - 24) / cols / FONT.ratio;
        // What would be too small to read is scrolled instead.
        this.term.options.fontSize = room < FONT.least ? FONT.most - 1 : Math.min(FONT.most, Math.floor(room * 2) / 2);
        if (this.term.cols !== cols || this.term.rows !== rows) this.term.resize(cols, rows);
      } else {
        this.term.options.fontSize = FONT.most;
        const fits = this.fit.proposeDimensions();
        if (fits?.cols > 1 && fits.rows > 1) this.term.resize(fits.cols, fits.rows);
      }
    }

    copy() {
      let text = this.term.getSelection();
      if (!text) {
        const { active } = this.term.buffer;
        const lines = Array.from({ length: active.length }, (_, at) => active.getLine(at)?.translateToString(true) ?? "");
        text = lines.join("\n").trimEnd();
      }
      document.dispatchEvent(new CustomEvent("mission:copy", { detail: { text, place: this.part("copied") } }));
    }

    fill(on = !this.host.hasAttribute("data-filled")) {
      this.host.toggleAttribute("data-filled", on);
      this.part("full").setAttribute("aria-pressed", String(on));
      this.resize();
    }

    end() {
      this.isOver = true;
      this.socket?.close();
      this.sizes?.disconnect();
      this.themes?.disconnect();
      this.scheme?.removeEventListener("change", this.dress);
      for (const name of ["copied", "passed"]) this.part(name).textContent = "";
      this.term?.dispose();
      this.waits(false);
    }
  }

  const button = (host) => one(`[data-console="${CSS.escape(host.dataset.terminal)}"]`);
  const plain = (host) => byId(`screen-${host.dataset.terminal}`);
  const show = (host, is) => {
    host.hidden = !is;
    if (plain(host)) plain(host).hidden = is;
    button(host)?.setAttribute("aria-expanded", String(is));
  };

  const opens = async (host) => {
    if (open.has(host)) return;
    const console = new Console(host);
    open.set(host, console);
    show(host, true);
    try {
      await console.start();
    } catch (error) {
      console.end();
      open.delete(host);
      show(host, false);
      throw error;
    }
  };

  const close = (host) => {
    kept(false);
    open.get(host)?.fill(false);
    open.get(host)?.end();
    open.delete(host);
    show(host, false);
    button(host)?.focus();
  };

  /** After the page changed: a terminal that has gone ends, a new attempt's opens where the last one was, the button is there. */
  const placed = () => {
    let hadOne = false;
    for (const [host, console] of open) {
      if (host.isConnected) {
        show(host, true);
        continue;
      }
      hadOne = true;
      console.end();
      open.delete(host);
    }
    for (const it of document.querySelectorAll("[data-console]")) it.hidden = false;
    const host = one("[data-terminal]");
    if (host && hadOne && !open.size) opens(host);
  };

  document.addEventListener("click", (event) => {
    const id = event.target.closest?.("[data-console]")?.dataset.console;
    const host = id && byId(`terminal-${id}`);
    if (!host) return;
    if (open.has(host)) return close(host);
    kept(true);
    opens(host).then(() => one("textarea", host)?.focus());
  });
  document.addEventListener("keydown", (event) => {
    const filled = [...open].find(([host]) => host.hasAttribute("data-filled"));
    if (event.key !== "Escape" || !filled || filled[1].types()) return;
    event.stopPropagation();
    filled[1].fill(false);
  }, true);
  document.addEventListener("mission:placed", placed);
  addEventListener("pagehide", () => open.forEach((console) => console.socket?.close()));

  placed();
  const host = one("[data-terminal]");
  const asked = location.hash.startsWith("#terminal-");
  if (host && (asked || kept())) opens(host).then(() => asked && host.scrollIntoView({ block: "nearest" }));
})();
