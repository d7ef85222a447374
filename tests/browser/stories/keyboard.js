// Whoever never touches the mouse: find what waits, decide, take it back, ask for changes, answer, move about.
import assert from "node:assert/strict";
import { isTold, until } from "../stage.js";

export function keyboard(story) {
  story("a person signs off, takes it back and asks for changes, by keyboard alone", async (stage) => {
    const key = await stage.planned("Keyboard: say hello");
    const { page, complaints, close } = await stage.person();
    await page.goto("/needs-you");
    await page.keyboard.press("j");
    for (let n = 0; n < 20 && !(await page.locator(`#ask-${key}[aria-current]`).count()); n++) await page.keyboard.press("j");
    await page.locator(`#ask-${key}[aria-current]`).waitFor();
    await stage.api("/lanes/coder/pause", { project: "EX" }); // a verdict is taken back until the next attempt starts
    await page.keyboard.press("a");
    await page.locator("#toast").waitFor();
    assert.match(await page.locator("#toast").innerText(), /signed off plan/);
    assert.equal((await stage.ticket(key)).gates[0].state, "passed");
    const takesBack = async () => {
      await page.keyboard.press("u");
      await until("the verdict is taken back", async () => (await stage.ticket(key)).gates[0].state === "active").finally(() => stage.api("/lanes/coder/resume", { project: "EX" }));
    };
    await isTold(page, takesBack, /\/tickets\/.*did=/); // taking it back leads to the ticket
    await page.goto("/needs-you");
    for (let n = 0; n < 20 && !(await page.locator(`#ask-${key}[aria-current]`).count()); n++) await page.keyboard.press("j");
    await page.keyboard.press("r");
    await page.keyboard.type("Say it twice, and louder.");
    await page.keyboard.press("Tab"); // findings
    await page.keyboard.press("Tab"); // the button
    await isTold(page, () => page.keyboard.press("Enter"));
    const ticket = await stage.ticket(key);
    assert.ok(ticket.findings.some((it) => it.text.includes("louder")) || ticket.gates[0].signoffs.some((it) => it.reason.includes("louder")));
    assert.deepEqual(complaints, []);
    await close();
  });

  story("a question is answered where it is asked, by keyboard alone", async (stage) => {
    const key = await stage.files("Keyboard: which colour", { body: "Ask first." });
    await until("it asks", async () => (await stage.ticket(key)).state === "needs_input");
    const { page, complaints, close } = await stage.person();
    await page.goto(`/tickets/${key}`);
    await page.keyboard.press("1");
    await page.keyboard.type("as blue as the sea");
    await page.keyboard.press("Tab");
    await isTold(page, () => page.keyboard.press("Enter"));
    await stage.waitsAt(key, "plan");
    assert.deepEqual(complaints, []);
    await close();
  });

  story("a guarded command and what lands are not done by one key: it goes to the button, and enter says yes", async (stage) => {
    const pushed = await stage.files("Keyboard: push it", { workflow: "pushed" });
    await until("it asks", async () => (await stage.ticket(pushed)).state === "needs_input");
    const built = await stage.built("Keyboard: land it");
    const { page, complaints, close } = await stage.person();
    const stays = async (key, button, state) => {
      await page.keyboard.press("a");
      await page.waitForFunction((label) => document.activeElement.textContent.startsWith(label), button);
      assert.equal((await stage.ticket(key)).state, state);
    };
    for (const path of ["/needs-you", `/tickets/${pushed}`]) {
      await page.goto(path);
      for (let n = 0; path === "/needs-you" && n < 20 && !(await page.locator(`#ask-${pushed}[aria-current]`).count()); n++) await page.keyboard.press("j");
      await stays(pushed, "Approve once", "needs_input");
    }
    await stage.api(`/tickets/${pushed}/park`, {});
    for (const path of [`/tickets/${built}`, `/tickets/${built}/packets/final_validation`, `/tickets/${built}/packets/final_validation/diff`]) {
      await page.goto(path);
      await stays(built, "Sign off", "in_review");
    }
    await stage.api(`/tickets/${built}/cancel`, { reason: "it was only looked at" }); // what landed would be the base of later stories
    assert.deepEqual(complaints, []);
    await close();
  });

  story("a field that opens leaves the buttons beside it where they are: a second press only closes it", async (stage) => {
    const key = await stage.built("Keyboard: press twice");
    const { page, complaints, close } = await stage.person();
    for (const [path, root, label] of [["/needs-you", `#ask-${key}`, "Request changes…"], [`/tickets/${key}`, ".page-head", "Cancel the ticket…"], [`/tickets/${key}/packets/final_validation`, ".page-head", "Request changes…"]]) {
      await page.goto(path);
      const button = page.locator(`${root} summary`, { hasText: label });
      await button.evaluate((it) => (it.closest(".ask") ?? it).scrollIntoView({ block: "start" })); // there is room for the field below
      const where = () => button.boundingBox().then(({ x, y }) => [Math.round(x), Math.round(y)]);
      const before = await where();
      await button.click();
      await page.waitForFunction(() => document.activeElement.matches("textarea"));
      assert.deepEqual(await where(), before, path);
      await page.waitForTimeout(600); // the second press of a double click leaves it open
      await button.click();
      await page.locator(`${root} details.reply:not([open])`, { hasText: label }).waitFor();
      assert.equal((await stage.ticket(key)).state, "in_review", path);
    }
    assert.deepEqual(complaints, []);
    await close();
  });

  story("the palette finds tickets, pages and what can be done here", async (stage) => {
    const key = await stage.planned("Palette: a rare zebra");
    const { page, complaints, close } = await stage.person();
    await page.goto("/board");
    await page.keyboard.press("/");
    await page.locator("#palette[open]").waitFor();
    await page.keyboard.type("rare zebra");
    await page.locator(`#palette [role=option]:has-text("${key}")`).waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/tickets/${key}`);
    await page.keyboard.press("/");
    await page.keyboard.type("sign off");
    await page.locator('#palette-here [role=option]:has-text("Sign off")').waitFor();
    await page.keyboard.press("Escape");
    assert.equal(await page.locator("#palette[open]").count(), 0);
    await page.keyboard.press("/");
    await page.keyboard.type("calibration");
    await page.locator('#palette-found [role=option]:has-text("Calibration")').waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL("**/calibration");
    assert.deepEqual(complaints, []);
    await close();
  });

  story("the palette names every action of the page by what it does and to what, and enter alone does nothing", async (stage) => {
    const key = await stage.planned("Palette: a striped horse");
    const { page, complaints, close } = await stage.person();
    const rows = page.locator("#palette [role=option]:visible");
    const first = async (words, row) => {
      await page.locator("#palette-q").fill(words);
      await page.waitForFunction((row) => document.querySelector("#palette [role=option][aria-selected=true]")?.textContent.startsWith(row), row);
    };
    await page.goto(`/tickets/${key}`);
    await page.keyboard.press("/");
    await page.locator(`#palette-here [role=option]:has-text("Sign off plan of ${key}")`).waitFor();
    await page.locator('#palette-found [role=option]:has-text("Board")').first().waitFor();
    assert.match(await rows.first().innerText(), new RegExp(`^Sign off plan of ${key}`));
    assert.equal(await page.locator("#palette [aria-selected=true]").count(), 0);
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("#palette[open]").count(), 1);
    for (const [words, row] of [["waive", `Waive plan of ${key}`], ["request", `Request changes to plan of ${key}`], ["cancel", `Cancel ${key}`], ["theme", "Change theme"], ["sign out", "Sign out"], ["open packet", `Open the packet of ${key}`]]) await first(words, row);
    await first(key, "Palette: a striped horse"); // a key alone looks for its ticket
    await first("park", `Park ${key}`);
    await page.keyboard.press("Enter");
    await page.locator("#toast").waitFor();
    assert.equal((await stage.ticket(key)).state, "parked");
    await page.keyboard.press("/");
    await first("unpark", `Unpark ${key}`);
    await first("undo", `Undo what you did to ${key}`);
    await isTold(page, () => page.keyboard.press("Enter"));
    await until("it is taken up again", async () => (await stage.ticket(key)).state === "in_review");
    await page.goto("/fleet");
    await page.keyboard.press("/");
    await first("pause coder ex", "Pause coder of EX");
    assert.deepEqual(complaints, []);
    await close();
  });

  story("keys lead everywhere, and can be switched off", async (stage) => {
    const { page, complaints, close } = await stage.person();
    await page.goto("/needs-you");
    for (const [second, path] of [["b", "/board"], ["f", "/fleet"], ["p", "/packets"], ["c", "/calibration"], ["d", "/digest"], ["s", "/settings"], ["n", "/needs-you"]]) {
      await page.keyboard.press("g");
      await page.keyboard.press(second);
      await page.waitForURL(`**${path}`);
    }
    await page.keyboard.press("g");
    await page.keyboard.press("b");
    await page.waitForURL("**/board");
    await page.keyboard.press("s");
    await page.waitForURL(/by=campaign/);
    await page.keyboard.press("z");
    assert.equal(await page.locator(".band").first().getAttribute("data-folded"), "");
    await page.keyboard.press("s");
    await page.waitForURL((url) => url.pathname === "/board" && !url.search.includes("by="));
    await page.keyboard.press("j");
    await page.keyboard.press("l");
    await page.locator(".card[aria-current]").waitFor();
    await page.keyboard.press("Enter");
    await page.waitForURL(/tickets\/[A-Z]+-\d+$/);
    await page.keyboard.press("?");
    await page.locator("#keys-help[open]").waitFor();
    await page.locator("[data-keys-off]").focus();
    await page.keyboard.press("Space");
    await page.keyboard.press("Escape");
    const before = page.url();
    await page.keyboard.press("g");
    await page.keyboard.press("b");
    await page.keyboard.press("c");
    assert.equal(page.url(), before, "single keys are off");
    assert.deepEqual(complaints, []);
    await close();
  });
}
