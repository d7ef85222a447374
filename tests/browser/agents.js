// The stage with real agents: a fresh home, a person's own home with codex and claude in it, and a scripted model that they ask.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run, Stage, until } from "./stage.js";

/** What the scripts of the roles say travels in their instructions; the page is there to be looked at. */
const RULES = (mission) => `[project]
key = "MC"
checks = ["grep -q '<p>v' index.html"]

[project.preview]
command = "'${mission}' serve-static . --port $PORT"
ready = "http://127.0.0.1:$PORT/"
pages = ["/"]
widths = [390]
schemes = ["light"]

[role.planner]
runtimes = ["claude"]
instructions = '''
You plan.
[[script: sh if grep -q 'take [v]2' "$MISSION_BRIEF"; then printf '# Plan\\n\\n1. Change the page.\\n\\n## Files\\n\\n- index.html\\n' > "$TMPDIR/p.md" && mission report evidence plan "$TMPDIR/p.md" && mission report done --summary 'one step'; else mission report question --summary 'Which version shall it be?'; fi
;; say planned]]
'''

[role.designer]
runtimes = ["claude"]
instructions = '''
You design.
[[script: sh if [ "$MISSION_GATE" = design_direction ]; then printf '# Direction\\n\\nPlain.\\n' > "$TMPDIR/d.md" && mission report evidence direction "$TMPDIR/d.md" && mission report done --summary plain; else mission report verdict pass --reason 'as directed'; fi
;; say designed]]
'''

[role.coder]
runtimes = ["codex"]
instructions = '''
You write. In each round you begin when you are told to.
[[script: sh echo "$MISSION_ATTEMPT" >> .git/begun; until [ -e .git/go ]; do sleep 0.1; done; rm .git/go; sed -i s/v0/v1/ index.html; git commit -qam 'page: version one'; echo over >> .git/told
;; tool add_evidence {"kind": "command", "command": "grep -q '<p>v' index.html"}
;; tool add_evidence {"kind": "risk", "text": "none: one word"}
;; tool report {"kind": "done", "summary": "a new version"} ;; say written]]
'''

[role.qa]
runtimes = ["claude"]
instructions = '''
You review.
[[script: sh if grep -q '<p>v2' index.html; then mission report verdict pass --reason 'it is v2'; else mission report verdict changes --reason 'it is not v2' --finding 'index.html:1:must say v2'; fi
;; say reviewed]]
'''

[role.tester]
runtimes = ["claude"]
instructions = '''
You test.
[[script: tool add_evidence {"kind": "steps", "text": "# Steps\\n\\n1. Open the page: it shows its version.\\n"}
;; tool report {"kind": "pass", "summary": "it works"} ;; say tested]]
'''
`;

export class Agents extends Stage {
  /** Makes the home of somebody who has both programs, their repository, and another one to push to. */
  async set() {
    this.settle("ma-");
    this.home = join(this.dir, "home");
    const testkit = process.env.MISSION_TESTKIT_BIN ?? join(dirname(this.mission), "mission-testkit");
    this.model = spawn(testkit, ["model"], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    this.model.stdout.on("data", (bytes) => (said += bytes));
    const url = await until("the model is there", () => said.match(/scripted model at (\S+)\n/)?.[1]);
    const person = await run(testkit, ["person", join(this.dir, "person"), "--model", url]);
    this.env = { ...JSON.parse(person.stdout), GIT_CONFIG_GLOBAL: "/dev/null" };
    this.outside = join(this.dir, "outside.git");
    await this.git(this.dir, "init", "-q", "--bare", this.outside);
    await this.up();
    await this.addProject();
    await this.opens();
  }

  /** Nothing of this process's own: agents inherit it. */
  environment() {
    return { ...this.env, MISSION_HOME: this.home };
  }

  async git(at, ...words) {
    return (await run("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...words], { cwd: at, env: this.env })).stdout.trim();
  }

  async addProject() {
    this.repo = join(this.dir, "repo");
    mkdirSync(this.repo);
    writeFileSync(join(this.repo, "mission.toml"), RULES(this.mission));
    writeFileSync(join(this.repo, "index.html"), "<p>v0</p>\n");
    await this.git(this.repo, "init", "-q", "-b", "main");
    await this.git(this.repo, "add", "--all");
    await this.git(this.repo, "commit", "-q", "-m", "base");
    await this.git(this.repo, "remote", "add", "origin", this.outside);
    await this.says("project", "add", this.repo, "--yes");
  }

  /** A file in the ticket's working copy that its agent waits for or writes. */
  inside(key, name) {
    return join(this.home, "workspaces", key, ".git", name);
  }

  /** The attempts of a ticket, the oldest first. */
  async attempts(key) {
    const { attempts } = await this.api(`/attempts?ticket=${key}`);
    return attempts.sort((a, b) => a.started_at.localeCompare(b.started_at));
  }

  /** Waits until the newest attempt of the role is `state`. */
  async attempt(key, role, state) {
    return until(`${role} of ${key} is ${state}`, async () => {
      const newest = (await this.attempts(key)).filter((it) => it.role === role).at(-1);
      return newest?.state === state && newest;
    });
  }

  /** The records of an attempt's shim. */
  records(id) {
    const lines = readFileSync(join(this.home, "lanes", id, "records.jsonl"), "utf8").trim().split("\n");
    return lines.map((it) => JSON.parse(it));
  }

  /** How often the agents wrote the call of a tool with these words down in their own sessions. */
  callsWrittenDown(words) {
    const person = join(this.dir, "person");
    const sessions = readdirSync(person, { recursive: true }).filter((it) => it.endsWith(".jsonl"));
    const lines = sessions.flatMap((it) => readFileSync(join(person, it), "utf8").split("\n"));
    return lines.filter((it) => /"function_call"|"tool_use"/.test(it) && it.includes(words)).length;
  }

  /** The processes whose command line or folder is of this stage. */
  processes() {
    const isOurs = (pid) => {
      try {
        const at = `/proc/${pid}`;
        return readlinkSync(`${at}/cwd`).startsWith(this.dir) || readFileSync(`${at}/cmdline`, "utf8").includes(this.dir);
      } catch {
        return false; // it went away meanwhile
      }
    };
    return readdirSync("/proc").map(Number).filter((pid) => pid && pid !== process.pid && isOurs(pid));
  }

  /** How everything stands, for a failed story. */
  async told() {
    const asked = ["/tickets", "/attempts", "/messages", "/approvals?all=true"].map((path) => this.api(path).then(JSON.stringify, String));
    const lanes = readdirSync(join(this.home, "lanes")).map((id) => `${id}: ${readFileSync(join(this.home, "lanes", id, "journal"), "utf8").slice(-4000)}`);
    return [...(await Promise.all(asked)), ...lanes].join("\n");
  }

  /** Stops everything, and proves that nothing is left and the home is whole. */
  async endsWell() {
    await this.browser.close();
    const gone = new Promise((done) => this.server.once("exit", done));
    await this.says("down", "--stop-lanes");
    await gone;
    await until("no process is left", () => this.processes().length === 0);
    await this.says("fsck");
  }

  async down() {
    try {
      await super.down();
    } finally {
      this.model?.kill("SIGKILL");
      for (const pid of this.processes()) process.kill(pid, "SIGKILL"); // what a failed story leaves
    }
  }
}
