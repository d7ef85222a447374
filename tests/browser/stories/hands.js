// What is under a hand stays what it is: no slip of a key, no second press and nothing that moves decides for anybody.
import assert from "node:assert/strict";
import { isTold, until } from "../stage.js";

/** Presses the mouse twice where the middle of `target` was at first, as a double click does. */
async function twice(page, target) {
  const box = await target.boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.click(x, y);
  await page.mouse.move(x + 1, y);
  await page.waitForTimeout(150);
  await page.mouse.click(x, y, { clickCount: 1 });
}

/** Marks the decision about `key` as the current one. */
async function marks(page, key) {
  for (let n = 0; n < 40 && !(await page.locator(`#ask-${key}[aria-current]`).count()); n++) await page.keyboard.press("j");
  await page.locator(`#ask-${key}[aria-current]`).waitFor();
}

export function hands(story) {
  story("a key alone runs no guarded command: it points at the button, any other key takes that back, enter confirms", async (stage) => {
    const key = await stage.files("Hands: a guarded push", { workflow: "pushed" });
    const asked = async () => (await stage.ticket(key)).approvals.at(-1)?.state;
    await until("it asks", async () => (await asked()) === "requested");
    const { page, complaints, close } = await stage.person();
    for (const path of [`/tickets/${key}`, "/needs-you"]) {
      await page.goto(path);
      if (path === "/needs-you") await marks(page, key);
      await page.keyboard.press("a");
      const pointed = page.locator("button:focus", { hasText: "Approve once" });
      await pointed.waitFor();
      assert.match(await pointed.innerText(), /enter/);
      await page.keyboard.press("Shift");
      await page.locator("body:not(:has(button:focus))").waitFor();
      await page.keyboard.press("Enter");
      assert.equal(await asked(), "requested", path);
    }
    await marks(page, key);
    await page.keyboard.press("d");
    await page.keyboard.type("not today");
    assert.equal(await page.locator(`#ask-${key} details[open] [name=reason]`).inputValue(), "not today");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.keyboard.press("a");
    await isTold(page, () => page.keyboard.press("Enter"));
    assert.notEqual(await asked(), "requested");
    await stage.api(`/tickets/${key}/cancel`, { reason: "the story is over" });
    assert.deepEqual(complaints, []);
    await close();
  });

  story("who types where no field is decides nothing, and a press on a line opens its comment", async (stage) => {
    const key = await stage.built("Hands: typed beside the field");
    const { page, complaints, close } = await stage.person();
    await page.goto(`/tickets/${key}/packets/final_validation/diff`);
    for (const words of ["2.4 what? Say metres.", "a new line", "banana"]) {
      await page.keyboard.type(words);
      await page.keyboard.press("Enter");
      await page.goto(page.url()); // some words lead to a comment or a fold: begin anew
    }
    const row = page.locator('.diff-file[data-file="greeting.txt"] tr[data-line="3"]');
    await row.locator("code").click();
    await page.keyboard.type("A word about it.");
    await page.reload();
    assert.equal(await page.locator("tr.draft textarea").inputValue(), "A word about it.", "it outlives the page");
    await page.locator("tr.draft textarea").press("Control+Enter");
    await page.click(".review button:has-text('Sign off')");
    await page.locator(".review button:has-text('Press again: sign off over 1 comment')").waitFor();
    const gate = (await stage.ticket(key)).gates.at(-1);
    assert.equal(gate.state, "active");
    assert.deepEqual(gate.signoffs.filter((it) => it.principal.startsWith("person:")), []);
    await page.goto(`/tickets/${key}/packets/final_validation`);
    await page.locator(".banners >> text=You have 1 comment on its lines that you have not sent").waitFor();
    assert.deepEqual(complaints, []);
    await close();
  });

  story("the second press of a double click finds the button it was meant for, or none", async (stage) => {
    const [key, other] = [await stage.built("Hands: pressed twice"), await stage.planned("Hands: comes after")];
    const { page, complaints, close } = await stage.person();
    const isOpen = (form) => page.locator(`details[open] #${form} [name=reason]:focus`).waitFor();
    await page.goto(`/tickets/${key}/packets/final_validation`);
    await twice(page, page.locator("summary:has-text('Request changes')"));
    await isOpen(`changes-${key}`);
    await page.goto(`/tickets/${key}`);
    await twice(page, page.locator(".tools summary:has-text('Cancel')"));
    await isOpen(`cancel-${key}`);
    await twice(page, page.locator("text=Keep it"));
    assert.equal(await page.locator(".tools details[open]").count(), 0);
    await page.goto("/needs-you");
    await marks(page, key);
    await twice(page, page.locator(`#ask-${key} summary:has-text('Request changes')`));
    await isOpen(`changes-${key}`);
    const states = await Promise.all([key, other].map(async (it) => (await stage.ticket(it)).state));
    assert.deepEqual(states, ["in_review", "in_review"]);

    // What an answer leaves behind takes its place in the list, and not its second press.
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    const before = (await page.locator(".ask").all()).length;
    await isTold(page, () => twice(page, page.locator(`#ask-${key} button:has-text('Sign off')`)));
    await page.locator("#toast").waitFor();
    await until("one is answered", async () => (await page.locator(".ask").count()) === before - 1);
    assert.equal((await stage.ticket(other)).gates[0].state, "active");
    assert.equal(await page.locator("#toast >> text=Undo").count(), 0, "what lands is not taken back");
    assert.deepEqual(complaints, []);
    await close();
  });

  story("what changes above the pointer, and what goes under the mark of the keys, brings no other decision under them", async (stage) => {
    const [first, second, third] = [await stage.planned("Hands: above"), await stage.planned("Hands: pointed at"), await stage.planned("Hands: next to it")];
    const { page, complaints, close } = await stage.person();
    await page.goto("/needs-you");
    await page.locator("#link-state[data-link=live]").waitFor();
    const pointed = page.locator(`#ask-${second} button:has-text('Sign off')`);
    await pointed.scrollIntoViewIfNeeded();
    const box = await pointed.boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    // The one above asks for something else, and is higher or lower than before.
    await stage.api(`/tickets/${first}/verdict`, { verdict: "pass", gate: "plan" });
    await stage.waitsAt(first, "final_validation");
    await page.locator(`#ask-${first}:not([data-gone])`, { hasText: "final validation" }).waitFor();
    assert.ok(Math.abs((await pointed.boundingBox()).y - box.y) < 1, "it stays under the pointer");
    await page.waitForTimeout(800);
    await isTold(page, async () => (await page.mouse.down(), page.mouse.up()));
    const stands = async (key) => (await stage.ticket(key)).gates.find((it) => it.state === "active")?.id;
    assert.deepEqual([await stands(first), await stands(third)], ["final_validation", "plan"]);
    assert.equal((await stage.ticket(second)).gates[0].state, "passed");

    // By keys: the marked one is decided by somebody else.
    await page.goto("/needs-you");
    await page.locator("#link-state[data-link=live]").waitFor();
    await marks(page, third);
    await page.keyboard.press("Shift"); // a hand is on the keys, also where the mark was there already
    await stage.api(`/tickets/${third}/park`, {});
    await page.locator(`#ask-${third}[data-gone] button:has-text('Sign off'):disabled`).waitFor();
    for (const wait of [0, 1500]) {
      await page.waitForTimeout(wait);
      await page.keyboard.press("a");
    }
    assert.equal(await page.locator(`#ask-${third}[aria-current]`).count(), 1, "the mark stays");
    assert.equal(await page.locator("#toast").count(), 0, "nothing was decided");
    await page.waitForTimeout(1100); // single keys rest after one that did nothing
    for (const key of ["k", "j"]) await page.keyboard.press(key);
    await page.locator(`#ask-${third}`).waitFor({ state: "detached" });
    assert.equal(await stands(first), "final_validation");
    for (const key of [first, second, third]) await stage.api(`/tickets/${key}/cancel`, { reason: "the story is over" });
    assert.deepEqual(complaints, []);
    await close();
  });

  story("the list comes back where it was left, and control and enter send what was typed", async (stage) => {
    const keys = [];
    for (const n of [1, 2, 3, 4, 5, 6]) keys.push(await stage.planned(`Hands: one of many, ${n}`));
    const { page, complaints, close } = await stage.person({ viewport: { width: 1440, height: 420 } });
    await page.goto("/needs-you");
    const at = await page.locator(".ask").evaluateAll((all, keys) => all.findIndex((it) => it.id === `ask-${keys[4]}`), keys);
    const next = await page.locator(".ask").nth(at + 1).getAttribute("id");
    await marks(page, keys[4]);
    const top = () => page.locator(".body").evaluate((it) => it.scrollTop);
    const was = await top();
    assert.ok(was > 100, "it is scrolled");
    await page.keyboard.press("r");
    await page.keyboard.type("Shorter, please.");
    await isTold(page, () => page.keyboard.press("Control+Enter"));
    await page.locator("#toast").waitFor();
    assert.deepEqual((await stage.ticket(keys[4])).gates[0].signoffs.map((it) => [it.verdict, it.reason]), [["changes", "Shorter, please."]]);
    assert.ok((await page.locator(`#${next}[aria-current]`).count()) || (await page.locator(".ask").count()) <= at, "the next one is current");
    assert.ok(Math.abs((await top()) - was) < 300, `${was} and ${await top()}`);
    assert.deepEqual(complaints, []);
    await close();
  });

  story("what was typed for a new ticket outlives a reload and the way back, until it is filed", async (stage) => {
    const { page, complaints, close } = await stage.person();
    await page.goto("/tickets/new?project=EX");
    await page.fill("[name=title]", "Hands: kept");
    await page.fill("[name=body]", "Every word of it.");
    await page.reload();
    assert.equal(await page.inputValue("[name=title]"), "Hands: kept");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.waitForURL("**/board*");
    await page.goto("/tickets/new?project=EX");
    assert.equal(await page.inputValue("[name=body]"), "Every word of it.");
    await page.locator("[name=body]").press("Control+Enter");
    await page.waitForURL(/tickets\/EX-\d+/);
    await page.goto("/tickets/new?project=EX");
    assert.equal(await page.inputValue("[name=title]"), "");
    await page.goto("/board?project=");
    assert.deepEqual(complaints, []);
    await close();
  });

  story("a draft that came back says so and can be thrown away; cancel and a corrected filing forget it", async (stage) => {
    const { page, close } = await stage.person();
    const title = page.locator("[name=title]");
    const opens = () => page.goto("/tickets/new?project=EX");
    await opens();
    await title.fill("Hands: a draft");
    await page.reload();
    await page.getByText("Your draft from before.").waitFor();
    await page.getByRole("button", { name: "Start over" }).press("Enter");
    assert.equal(await title.inputValue(), "");
    await opens();
    assert.equal(await title.inputValue(), "");
    assert.equal(await page.locator(".draft-kept").count(), 0);
    await title.fill("Hands: cancelled");
    await page.click("text=Cancel");
    await page.waitForURL("**/board*");
    await opens();
    assert.equal(await title.inputValue(), "", "cancel forgets");
    await title.fill("Hands: corrected");
    await page.fill("[name=parent]", "ZZ-1");
    await page.click("text=File ticket");
    await page.locator("#problem").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.name), "parent");
    await page.fill("[name=parent]", "");
    await page.locator("[name=parent]").press("Control+Enter");
    await page.waitForURL(/tickets\/EX-\d+/);
    await opens();
    assert.equal(await title.inputValue() + (await page.inputValue("[name=parent]")), "", "what was filed is forgotten");
    await page.goto("/board?project=");
    await close();
  });

  story("what takes effect at once asks first, and ages go on while a page is open", async (stage) => {
    const { page, complaints, close } = await stage.person();
    await page.goto("/settings?part=people");
    await page.fill('form[action="/settings/tokens"] [name=name]', "hands");
    await page.click("text=Make a token");
    await page.locator(".made").waitFor();
    await page.goto("/settings?part=people");
    const asks = page.locator("tr:has-text('hands') summary");
    await asks.dblclick();
    assert.equal((await stage.api("/tokens")).tokens.filter((it) => it.name === "hands").length, 1, "a double click is one press");
    await page.goto("/settings?part=people");
    await asks.click();
    await page.click("button[aria-label='Revoke hands']");
    await until("it is revoked", async () => !(await stage.api("/tokens")).tokens.some((it) => it.name === "hands"));
    await page.clock.install();
    const key = await stage.planned("Hands: grows old");
    await page.goto(`/tickets/${key}`);
    const age = page.locator(".head-meta time");
    const young = await age.innerText();
    await page.clock.runFor("10:00");
    assert.notEqual(await age.innerText(), young);
    assert.match(await age.innerText(), /^1\d min ago$/);
    assert.deepEqual(complaints, []);
    await close();
  });
}
