// The stage of all stories: a home that the demo made and played, a second project whose lanes are shell lines, a server, a browser.
import { spawn, execFile } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

export const run = promisify(execFile);
/** How long anything may take before a story fails, in milliseconds. */
export const PATIENCE = 60_000;
const POLL = 50;

/** Waits until `look` gives something, and returns it. */
export async function until(what, look, patience = PATIENCE) {
  const end = Date.now() + patience;
  let last;
  for (;;) {
    try {
      const found = await look();
      if (found) return found;
      last = undefined;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited ${patience} ms in vain until ${what}${last ? `: ${last.message}` : ""}`);
    await new Promise((done) => setTimeout(done, POLL));
  }
}

/** Does what leads to a page that tells of it. That page takes it out of its address before it is loaded, so it is waited for from before. */
export const isTold = (page, act, address = /did=/) => Promise.all([page.waitForURL(address, { waitUntil: "commit" }), act()]);

/** Presses a button that asks first, and presses it again when that can be no double click any more. */
export async function insists(page, selector) {
  await page.click(selector);
  await page.locator("[data-asked]").waitFor();
  await page.waitForTimeout(600);
  await page.click(selector);
}

function program(names) {
  for (const dir of (process.env.PATH ?? "").split(delimiter)) for (const name of names) if (existsSync(join(dir, name))) return join(dir, name);
  throw new Error(`none of ${names.join(", ")} is on the PATH; cargo xtask test installs it`);
}

/** Starts Chromium. */
export function launch() {
  return chromium.launch({ executablePath: program(["chromium", "chromium-browser", "google-chrome"]), args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"] });
}

// Two pictures: 96 × 64 and 120 × 64 pixels, on nothing.
const LOGO = "iVBORw0KGgoAAAANSUhEUgAAAGAAAABACAYAAADlNHIOAAAAfUlEQVR42u3RsQ0AMAgDQYbIdEzMVqSnpEgR3UtewBchSZIkSaOT1bYfAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAHAkAgAEAYAAAGAAABgCAAQBgLwAkSZIkfdcFPdcc8HvfSy8AAAAASUVORK5CYII=";
const NEW_LOGO = "iVBORw0KGgoAAAANSUhEUgAAAHgAAABACAYAAADRTbMSAAAAhElEQVR42u3RQQ0AQAgDQUQg7GTjCn6ngZDZpAY6EZIkSZIk6Vcv2/YOMGDAgA2wATbABtgAAwYMGDBgA2yADbABBgwYMGDABtgAG2ADbIABAwbsRMAG2AAbYAMMGDBgwIANsAE2wAYYMGDAgAEbYANsgA2wAQYMGDDg+8CSJEmSJB1qAEAgSPfGBjGiAAAAAElFTkSuQmCC";

// Each lane is one shell line: it plans, asks where the request says so, and changes one file.
const PLAN = `printf '# Plan\\n\\n1. write it\\n\\n## Files\\n\\n- greeting.txt\\n' > "$TMPDIR/plan.md" && mission report evidence plan "$TMPDIR/plan.md" && mission report done --summary 'a plan with 1 step'`;
const PLANNER = `if grep -q 'Ask first' "$MISSION_BRIEF" && ! grep -q 'as blue as the sea' "$MISSION_BRIEF"; then mission report question --summary 'Which colour shall the greeting have?'; else ${PLAN}; fi`;
const CODER = `for n in $(seq 1 40); do echo "line $n of the greeting, round $MISSION_ATTEMPT"; done > greeting.txt; echo '<b>not markup</b>' >> greeting.txt; for n in $(seq 1 400); do echo "$n $MISSION_ATTEMPT"; done > long.txt; if grep -q 'Draw it anew' "$MISSION_BRIEF"; then echo ${NEW_LOGO} | base64 -d > logo.png; cp logo.png badge.png; git rm -q old.png; fi; git add -A && git commit -qm 'greet' && mission report evidence command -- sh check.sh && mission report evidence risk 'none: it is a greeting' && for f in $(grep -o 'F-[0-9]*' "$MISSION_BRIEF" | sort -u); do mission report answer "$f" fixed 'written anew'; done; mission report done --summary 'the greeting is there'`;
const PUSHER = `git push origin HEAD:release/autumn; while :; do sleep 1; done`;
// Two programs with a terminal: one counts and says what it is told, one draws its whole screen anew without end.
const SEEN = `stty -echo; printf 'ready for a line\\r\\n'; (n=0; while [ $n -lt 5 ]; do n=$((n+1)); printf 'tick %s\\r\\n' "$n"; sleep 0.2; done) & while IFS= read -r line; do case $line in hello* | too*) printf 'got <%s>\\r\\n' "$line" ;; esac; done`;
const BUSY = `n=0; row=$(printf '%0190d' 0); while :; do n=$((n+1)); printf '\\033[H\\033[2Jframe %s\\r\\n' "$n"; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do printf '\\033[3%sm%s\\033[38;2;%s;99;200m%s\\033[0m\\r\\n' "$((i % 8))" "$row" "$((n % 255))" "$i"; done; sleep 0.01; done`;
const RULES = `[project]
key = "EX"
checks = ["sh check.sh"]
workflow = "plain"

[runtime.plans]
driver = "exec"
command = ["sh", "-c", '''${PLANNER}''']

[runtime.codes]
driver = "exec"
command = ["sh", "-c", '''${CODER}''']

[runtime.seen]
driver = "tmux"
command = ["sh", "-c", '''${SEEN}''']

[runtime.busy]
driver = "tmux"
command = ["sh", "-c", '''${BUSY}''']

[runtime.slow]
driver = "exec"
command = ["sh", "-c", '''n=0; while :; do n=$((n+1)); echo "line $n"; sleep 0.3; done''']

[runtime.pushes]
driver = "exec"
command = ["sh", "-c", '''${PUSHER}''']

[role.pusher]
runtimes = ["pushes"]

[role.slow]
runtimes = ["slow"]

[role.watched]
runtimes = ["seen"]
slots = 4

[role.drawn]
runtimes = ["busy"]

[role.planner]
runtimes = ["plans"]
slots = 4

[role.coder]
runtimes = ["codes"]
slots = 4

[workflow.plain]
gates = [
  { id = "plan", role = "planner", decided_by = ["person"], requires = ["plan"] },
  { id = "implementation", role = "coder", decided_by = ["controller"], requires = ["commit", "changed_files", "commands", "risk"] },
  { id = "final_validation", role = "controller", decided_by = ["controller", "person"], sends_back_to = "implementation" },
]

[workflow.seen]
gates = [{ id = "plan", role = "watched", decided_by = ["person"], requires = ["plan"] }]

[workflow.slow]
gates = [{ id = "plan", role = "slow", decided_by = ["person"], requires = ["plan"] }]

[workflow.pushed]
gates = [{ id = "plan", role = "pusher", decided_by = ["person"], requires = ["plan"] }]

[workflow.busy]
gates = [{ id = "plan", role = "drawn", decided_by = ["person"], requires = ["plan"] }]

[workflow.twenty]
gates = [
${Array.from({ length: 19 }, (_, n) => `  { id = "step_number_${n + 1}", role = "planner", decided_by = ["person"], requires = ["plan"] },`).join("\n")}
  { id = "final_validation", role = "controller", decided_by = ["controller", "person"] },
]
`;

export class Stage {
  /** Makes the home, plays the demo in it, and adds the second project. */
  static async make() {
    const stage = new this();
    try {
      await stage.set();
    } catch (error) {
      await stage.down().catch(() => undefined); // what was started is ended, and the first cause is told
      throw error;
    }
    return stage;
  }

  /** Does the work of `make`. */
  async set() {
    this.settle("mission-browser-");
    this.home = join(this.dir, "demo/home");
    await this.says("demo", "--headless", "--speed", "20", "--prepare-only", join(this.dir, "demo"));
    await this.up();
    await this.says("demo", "--drive", join(this.dir, "demo"));
    await this.addProject();
    await this.opens();
  }

  /** Makes a folder, and finds the program. */
  settle(prefix) {
    this.dir = mkdtempSync(join(tmpdir(), prefix));
    this.mission = process.env.MISSION_BIN ?? join(import.meta.dirname ?? ".", "../../target/release/mission");
    if (!existsSync(this.mission)) throw new Error(`there is no ${this.mission}; build it, or name one in MISSION_BIN`);
  }

  /** Starts the browser. */
  async opens() {
    this.browser = await launch();
  }

  environment() {
    const { MISSION_URL, MISSION_TOKEN, MISSION_ATTEMPT, ...rest } = process.env;
    return { ...rest, MISSION_HOME: this.home };
  }

  /** Runs `mission` and returns what it printed; a failure says all of it. */
  async says(...words) {
    try {
      return (await run(this.mission, words, { env: this.environment(), cwd: this.dir, maxBuffer: 1 << 24 })).stdout;
    } catch (error) {
      throw new Error(`mission ${words.join(" ")}: ${error.stdout}${error.stderr}`);
    }
  }

  async addProject() {
    const at = join(this.dir, "example");
    mkdirSync(at);
    writeFileSync(join(at, "mission.toml"), RULES);
    writeFileSync(join(at, "check.sh"), "echo 'test result: ok. 3 passed; 0 failed; 0 ignored'\n");
    writeFileSync(join(at, "greeting.txt"), "hello\n");
    for (const name of ["logo.png", "old.png"]) writeFileSync(join(at, name), Buffer.from(LOGO, "base64"));
    const git = (...words) => run("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...words], { cwd: at });
    await git("init", "-q", "-b", "main");
    await git("add", "--all");
    await git("commit", "-q", "-m", "begin");
    await this.says("project", "add", at, "--yes");
  }

  /** Starts the server and waits until it answers. */
  async up() {
    this.server = spawn(this.mission, ["up", "--listen", "127.0.0.1:0"], { env: this.environment(), cwd: this.dir, stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [this.server.stdout, this.server.stderr]) stream.on("data", (bytes) => (said += bytes));
    this.url = await until("the server is up", async () => {
      if (this.server.exitCode !== null) throw new Error(`the server ended: ${said}`);
      const card = JSON.parse(readFileSync(join(this.home, "server.json"), "utf8"));
      return card.pid === this.server.pid && (await fetch(`${card.url}/healthz`)).ok && card.url;
    });
    this.token = readFileSync(join(this.home, "credentials"), "utf8").trim();
  }

  /** kill -9. */
  async kill() {
    const gone = new Promise((done) => this.server.once("exit", done));
    this.server.kill("SIGKILL");
    await gone;
  }

  async down() {
    await this.browser?.close();
    if (this.server?.exitCode === null && this.server.signalCode === null) {
      const gone = new Promise((done) => this.server.once("exit", done));
      await this.says("down", "--stop-lanes").catch(() => this.server.kill("SIGTERM"));
      await gone;
    }
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** Asks the API as the person whose home this is. */
  async api(path, body, method = body ? "POST" : "GET") {
    const answer = await fetch(`${this.url}/api/v1${path}`, { method, body: body && JSON.stringify(body), headers: { authorization: `Bearer ${this.token}`, ...(body && { "content-type": "application/json" }) } });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
    return answer.status === 204 ? undefined : answer.json();
  }

  /** Files a ticket in the second project and returns its key. */
  async files(title, more = {}) {
    return (await this.api("/tickets", { title, project: "EX", ...more })).key;
  }

  ticket(key) {
    return this.api(`/tickets/${key}`);
  }

  /** Waits until a ticket waits for a person at `gate`. */
  async waitsAt(key, gate) {
    return until(`${key} waits at ${gate}`, async () => {
      const ticket = await this.ticket(key);
      const stands = ticket.gates.find((it) => it.id === gate);
      return ticket.state === "in_review" && stands.state === "active" && ticket;
    });
  }

  /** Files a ticket whose plan waits for a sign-off. */
  async planned(title, more) {
    const key = await this.files(title, more);
    await this.waitsAt(key, more?.workflow === "twenty" ? "step_number_1" : "plan");
    return key;
  }

  /** Files a ticket whose change waits for a person's last word. */
  async built(title, more) {
    const key = await this.planned(title, more);
    await this.api(`/tickets/${key}/verdict`, { verdict: "pass", gate: "plan" });
    await this.waitsAt(key, "final_validation");
    return key;
  }

  /** A fresh one-time link. */
  async link() {
    return (await this.api("/sign-in-link", {})).url;
  }

  /** The demo's ticket whose review asked for changes, with the commit that it did so on. */
  async twoRounds() {
    const { tickets } = await this.api("/tickets?project=HB&limit=100");
    for (const { key } of tickets.filter((it) => it.key.startsWith("HB-"))) {
      const { gates } = await this.ticket(key);
      const asked = gates.find((it) => it.id === "qa_review")?.signoffs.find((it) => it.verdict === "changes");
      if (asked) return { key, commit: asked.commit };
    }
    throw new Error("no ticket of the demo went through two rounds");
  }

  /** A browser of its own, signed in. What its pages complain of is kept in `complaints`. */
  async person(options = {}, link) {
    const context = await this.browser.newContext({ viewport: { width: 1440, height: 900 }, reducedMotion: "reduce", baseURL: this.url, ...options });
    context.setDefaultTimeout(PATIENCE);
    const complaints = [];
    context.on("console", (message) => ["error", "warning"].includes(message.type()) && complaints.push(`${message.text()} at ${message.page()?.url()}`));
    context.on("weberror", (error) => complaints.push(error.error().message));
    const page = await context.newPage();
    await page.goto(link ?? (await this.link()));
    // A context that is closed while a page comes may not be heard of again: it is waited for, and then left to the browser's own end.
    const close = async () => {
      await page.waitForLoadState("load", { timeout: 10_000 }).catch(() => undefined);
      await Promise.race([context.close(), new Promise((done) => setTimeout(done, 15_000).unref())]);
    };
    return { context, page, complaints, close };
  }
}
