// A budget of a day that is used up: everybody with a page open sees it, and what it asks of them, without a reload.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const RULES = (seconds) => `[project]
key = "BU"
workflow = "long"

[budget]
day = { wall = "${seconds}s" }

[runtime.long]
driver = "exec"
command = ["sh", "-c", "tail -f /dev/null"]

[role.worker]
runtimes = ["long"]

[workflow.long]
gates = [{ id = "plan", role = "worker", decided_by = ["person"], requires = ["plan"] }]
`;

export function budget(story) {
  story("a day's budget that is spent comes to open pages, counts as a decision, and goes when it is raised", async (stage) => {
    const at = join(stage.dir, "budget");
    const git = (...words) => execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", ...words], { cwd: at });
    const rules = (seconds) => {
      writeFileSync(join(at, "mission.toml"), RULES(seconds));
      git("add", "--all");
      git("commit", "-q", "-m", "rules");
    };
    mkdirSync(at);
    git("init", "-q", "-b", "main");
    rules(6);
    await stage.says("project", "add", at, "--yes");
    const { page, complaints, close } = await stage.person();
    await page.goto("/needs-you?project=BU");
    await page.locator("#link-state[data-link=live]").waitFor();
    assert.ok(await page.locator("#notices").isHidden());
    await page.locator("#budgets", { hasText: "0 of 6 s at work" }).waitFor();
    const first = await stage.files("Budget: works long", { project: "BU" });
    const second = await stage.files("Budget: waits meanwhile", { project: "BU" });
    // Of one page, never loaded again: first the warning, which asks for nothing, then the decision.
    await page.locator("#notices", { hasText: "the day's budget of BU" }).waitFor();
    await page.locator("#notices", { hasText: "The day's budget of BU is spent" }).waitFor();
    await page.locator("#budgets .alarm", { hasText: /\d+ of 6 s at work/ }).waitFor();
    await page.locator(".ask", { hasText: "Raise the budget of BU" }).waitFor();
    await page.locator("#lede", { hasText: "1 decision waits for you" }).waitFor();
    assert.equal(await page.locator("#count-needs-you").innerText(), "1");
    assert.match(await page.title(), /^\(1\) /);
    rules(100_000);
    await page.keyboard.press("Shift"); // a hand is on the keys
    await stage.says("ticket", "why", second); // who asks has the rules read again
    await page.locator(".ask[data-gone]").waitFor();
    assert.match(await page.locator(".ask[data-gone] h2").evaluate((it) => getComputedStyle(it, "::after").content), /waits no more/);
    await page.locator("h1").click(); // what the keys' mark is on goes once somebody turns elsewhere
    await page.locator(".ask").waitFor({ state: "detached" });
    await page.locator("#notices").waitFor({ state: "hidden" });
    await page.locator("#count-needs-you").waitFor({ state: "hidden" });
    assert.deepEqual(complaints, []);
    await close();
    for (const key of [first, second]) await stage.api(`/tickets/${key}/cancel`, { reason: "it was looked at" });
  });
}
