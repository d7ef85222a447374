// Real codex and real claude behind the page: everything that a person does in this story, they do there.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { until } from "../stage.js";

const GATES = ["plan", "design_direction", "implementation", "first_validation", "qa_review", "user_testing", "design_signoff", "final_validation"];
/** The coder's second round, as a person tells it: the push is refused within the turn and becomes a request. */
const AGAIN = `[[script: sh sed -i s/v1/v2/ index.html && git commit -qam 'page: version two' && echo committed ;; sh git push origin HEAD:refs/heads/topic || true ;; tool request_approval {"command": "git push origin HEAD:refs/heads/topic", "reason": "it is ready"} ;; sh until [ -e .git/pushed ]; do sleep 0.1; done ;; tool add_evidence {"kind": "command", "command": "grep -q '<p>v' index.html"} ;; tool add_evidence {"kind": "risk", "text": "none: one word"} ;; sh mission report answer F-1 fixed 'it is v2 now' ;; tool report {"kind": "done", "summary": "version two"} ;; say written]]`;

const read = (file) => (existsSync(file) ? readFileSync(file, "utf8") : "");

/** Signs the gate off on the ticket's page as it stands, and waits until that is known. */
async function signs(stage, page, key, gate, name) {
  await page.locator("#gate", { hasText: name }).locator("button:has-text('Sign off')").click();
  await until(`${gate} is signed off`, async () => (await stage.ticket(key)).gates.find((it) => it.id === gate).state === "passed");
}

/** Writes to whoever works the ticket, and returns the message. */
async function writes(stage, page, key, text) {
  await page.fill("#say-text", text);
  const sent = async () => (await stage.api(`/messages?ticket=${key}`)).messages.find((it) => it.body === text);
  return until("the message is there", async () => {
    // Right after a form was sent the next page takes no press of the pointer: it was meant for what stood there before.
    if ((await page.inputValue("#say-text")) === text) await page.click(`#say-${key} button`);
    return sent();
  });
}

/** Waits until the coder's newest attempt waits within its turn. */
async function begins(stage, key) {
  const { id } = await stage.attempt(key, "coder", "busy");
  await until(`the command of ${id} runs`, () => read(stage.inside(key, "begun")).includes(id));
  return id;
}

export function agents(story) {
  story("one ticket goes through all eight gates, coder on codex and QA on claude, over every accident, by one person's page", async (stage) => {
    const { page, complaints } = await stage.person();
    await page.goto("/tickets/new");
    await page.fill("[name=title]", "A new version of the page");
    await page.fill("[name=labels]", "visual user_facing");
    await page.click("button:has-text('File ticket')");
    await page.waitForURL(/\/tickets\/MC-1/);
    const key = "MC-1";
    await page.locator("#link-state[data-link=live]").waitFor();

    // The planner asks, and the answer starts its next attempt.
    await page.locator("#gate .question", { hasText: "Which version shall it be?" }).waitFor();
    await page.fill("#gate form.answer textarea", "take v2");
    await page.click("#gate button:has-text('Send answer')");
    await signs(stage, page, key, "plan", "Plan");
    await signs(stage, page, key, "design_direction", "Design direction");

    // The coder is busy: what is written waits. Then the server is killed in the middle of the turn, which goes on and reports.
    const first = await begins(stage, key);
    await page.locator("#console", { hasText: "busy" }).waitFor();
    const message = await writes(stage, page, key, "[[script: sh echo words >> .git/told ;; say noted]]");
    await page.locator(`#${message.id}[data-msg=queued]`, { hasText: "held until the lane is idle" }).waitFor();
    assert.deepEqual(complaints, []);
    await stage.kill();
    await page.locator("#stale:not([hidden])").waitFor();
    writeFileSync(stage.inside(key, "go"), "");
    await until("the report stands in the lane's records", () => stage.records(first).some((it) => it.kind === "report"));
    await stage.up();
    await page.locator("#stale").waitFor({ state: "hidden" });
    await page.locator(`#${message.id}[data-msg=processed]`).waitFor();
    const turns = stage.records(first).filter((it) => it.kind === "turn_delivered");
    assert.equal(turns.length, 2, "the turn that was running, and the message's");
    assert.deepEqual(turns.map((it) => it.messages.includes(message.id)), [false, true]);
    assert.equal(read(stage.inside(key, "told")), "over\nwords\n", "delivered once, after the turn");

    // QA rejects; the second round's agent is killed, and its session goes on in the next attempt.
    const second = await begins(stage, key);
    assert.notEqual(second, first);
    const asked = (await stage.ticket(key)).gates.find((it) => it.id === "qa_review");
    assert.equal(asked.signoffs.find((it) => it.verdict === "changes")?.principal, "lane:qa/claude");
    await until("the call is written down in the session", () => stage.callsWrittenDown("until [ -e .git/go ]") >= 2);
    process.kill((await stage.attempt(key, "coder", "busy")).pid, "SIGKILL");
    const third = await until("the next attempt begins", async () => {
      const id = await begins(stage, key);
      return id !== second && id;
    });
    const died = await stage.api(`/attempts/${second}`);
    assert.equal(died.terminal.root_cause, "crashed");
    assert.equal(died.death.signal, "SIGKILL");
    assert.ok(stage.records(third).some((it) => it.is_resumed), "its session was taken up again");
    await page.locator("#console .earlier li", { hasText: second }).filter({ hasText: "died" }).waitFor({ state: "attached" });

    // It is interrupted, which takes nothing over, and told how to go on.
    await page.click(`[data-console="${third}"]`);
    await page.click("[data-interrupt]");
    await stage.attempt(key, "coder", "idle");
    await page.click("[data-close]");
    await writes(stage, page, key, AGAIN);

    // It asks to push. The person permits that very command, once, and Mission Control runs it.
    await page.locator("#gate .approval", { hasText: "git push origin HEAD:refs/heads/topic" }).waitFor();
    const refs = () => stage.git(stage.outside, "for-each-ref", "--format=%(refname)");
    assert.equal(await refs(), "", "nothing was pushed before");
    await page.click("#gate button:has-text('Approve once')");
    await until("it is pushed", async () => (await refs()) === "refs/heads/topic");
    await page.locator("#inbox .msg", { hasText: "exit code 0" }).waitFor({ state: "attached" }); // it is told while its turn goes on
    writeFileSync(stage.inside(key, "pushed"), "");

    await signs(stage, page, key, "final_validation", "Final validation");
    const done = await until("it has landed", async () => {
      const ticket = await stage.ticket(key);
      return ticket.state === "done" && ticket;
    });
    assert.deepEqual(done.gates.filter((it) => it.state === "passed").map((it) => it.id), GATES);
    const worked = (gate) => done.gates.find((it) => it.id === gate).runtime;
    assert.deepEqual([worked("implementation"), worked("qa_review")], ["codex", "claude"]);
    await page.locator("#situation", { hasText: /done/i }).waitFor();
    assert.equal(await stage.git(stage.repo, "show", "main:index.html"), "<p>v2</p>");
    const { messages } = await stage.api(`/messages?ticket=${key}`);
    assert.deepEqual(messages.filter((it) => it.state !== "processed"), []);
    const attempts = await stage.attempts(key);
    const delivered = attempts.flatMap(({ id }) => stage.records(id).filter((it) => it.kind === "turn_delivered").flatMap((it) => it.messages));
    for (const { id, body } of messages) assert.equal(delivered.filter((it) => it === id).length, 1, `${id} was delivered once: ${body}`);
    assert.deepEqual(attempts.filter((it) => it.role === "coder").map((it) => it.terminal.status), ["reported", "died", "reported"]);
    await stage.endsWell();
  });
}
