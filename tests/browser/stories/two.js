// Two people at once: whoever is second learns who was first, and loses nothing that was typed.
import assert from "node:assert/strict";
import { insists, isTold, until } from "../stage.js";

/** Invites a person through the page, and signs them in. */
async function invited(stage, owner, name, options) {
  await owner.page.goto("/settings");
  await owner.page.fill('form[action="/settings/invite"] [name=name]', name);
  await owner.page.click("text=Make the link");
  const link = await owner.page.locator(".made code").innerText();
  return stage.person(options, new URL(new URL(link).pathname + new URL(link).search, stage.url).href);
}

export function two(story) {
  story("the second of two decisions is told who was first", async (stage) => {
    const key = await stage.planned("Two: both decide");
    const ada = await stage.person();
    const jonas = await invited(stage, ada, "jonas", { javaScriptEnabled: false });
    await jonas.page.goto(`/tickets/${key}`);
    await ada.page.goto(`/tickets/${key}`);
    await ada.page.click("#gate button:has-text('Sign off')");
    await ada.page.locator("#toast").waitFor();
    await jonas.page.fill("#gate [name=reason]", "I would rather not.");
    await jonas.page.click("#gate button:has-text('Request changes')");
    const banner = await jonas.page.locator(".problem .banner[role=alert]").innerText();
    assert.match(banner, /was first: signed off plan, \d\d:\d\d/);
    const gate = (await stage.ticket(key)).gates[0];
    assert.deepEqual(gate.signoffs.map((it) => it.verdict), ["pass"]);
    await Promise.all([ada.close(), jonas.close()]);
  });

  story("what is refused is said where it was asked for, and what was typed stays", async (stage) => {
    const key = await stage.planned("Two: a page that heard nothing");
    const { page, complaints, close } = await stage.person();
    await page.route("**/live*", (route) => route.abort());
    await page.goto(`/tickets/${key}`);
    const reason = page.locator("#gate [name=reason]");
    await reason.fill("I would rather not.");
    await stage.api(`/tickets/${key}/verdict`, { verdict: "pass", gate: "plan" });
    const address = page.url();
    await page.click("#gate button:has-text('Request changes')");
    assert.match(await page.locator("#gate .refused[role=alert]").innerText(), /were first: signed off plan, \d\d:\d\d/);
    assert.equal(page.url(), address);
    assert.equal(await reason.inputValue(), "I would rather not.");
    // Pressed again it is said once, and what was typed outlives a reload.
    await page.click("#gate button:has-text('Request changes')");
    await until("it is said once", async () => (await page.locator(".refused").count()) === 1);
    assert.deepEqual((await stage.ticket(key)).gates[0].signoffs.map((it) => it.verdict), ["pass"]);

    // An answer that gets lost is no refusal: it may have been recorded.
    await page.route(`**/tickets/${key}/*`, (route) => (route.request().method() === "POST" ? route.abort() : route.continue()));
    await page.click("#gate button:has-text('Request changes')");
    assert.match(await page.locator("#gate .unsent").innerText(), /Perhaps sent/);
    assert.equal(await reason.inputValue(), "I would rather not.");
    assert.deepEqual(complaints.filter((it) => !/Failed to load resource|ERR_FAILED|409/.test(it)), []);
    await close();
  });

  story("what somebody types stays under their hands, and its buttons lock once it is decided", async (stage) => {
    const key = await stage.planned("Two: typing while it is decided");
    const { page, complaints, close } = await stage.person();
    await page.goto(`/tickets/${key}`);
    await page.locator("#link-state[data-link=live]").waitFor();
    const reason = page.locator("#gate [name=reason]");
    await reason.fill("Half a sentence");
    await stage.api(`/tickets/${key}/verdict`, { verdict: "changes", gate: "plan", reason: "not yet" });
    await page.locator("#gate .banner.changed:not([hidden])").waitFor();
    assert.match(await page.locator("#gate .banner.changed").first().innerText(), /was first: .*changes.*, \d\d:\d\d/);
    assert.equal(await reason.inputValue(), "Half a sentence");
    assert.ok(await page.locator("#gate button:has-text('Sign off')").isDisabled());
    assert.deepEqual(complaints, []);
    await close();
  });

  story("a new decision joins below, the tab counts it, and a settled one goes", async (stage) => {
    const first = await stage.planned("Two: first in the list");
    const { page, complaints, close } = await stage.person();
    await page.goto("/needs-you");
    await page.locator("#link-state[data-link=live]").waitFor();
    const top = await page.locator(".ask").first().getAttribute("id");
    const second = await stage.planned("Two: comes later");
    await page.locator(`#ask-${second}`).waitFor();
    assert.equal(await page.locator(".ask").first().getAttribute("id"), top, "nothing moves under a hand");
    // What other stories left may join meanwhile: the tab, the sentence and the list agree in the end.
    const counted = async () => [(await page.title()).match(/^\((\d+)\)/)?.[1], (await page.locator("#lede b").first().innerText()), String(await page.locator(".ask").count())];
    await until("the tab counts it", async () => new Set(await counted()).size === 1);
    await stage.api(`/tickets/${first}/verdict`, { verdict: "pass", gate: "plan" });
    await page.locator(`#ask-${first}`).waitFor({ state: "detached" });
    assert.deepEqual(complaints, []);
    await close();
  });

  story("what nobody has a hand on leaves the list once it is settled, and one decision is marked", async (stage) => {
    const [settled, other] = [await stage.planned("Two: settled elsewhere"), await stage.planned("Two: still to decide")];
    const { page, complaints, close } = await stage.person();
    await page.goto("/needs-you");
    await page.locator("#link-state[data-link=live]").waitFor();
    while ((await page.locator(".ask[aria-current]").getAttribute("id")) !== `ask-${settled}`) await page.keyboard.press("j");
    await page.mouse.move(5, 5);
    await stage.api(`/tickets/${settled}/verdict`, { verdict: "changes", gate: "plan", reason: "not yet" });
    await page.locator(`#ask-${settled}`).waitFor({ state: "detached" });
    await stage.api(`/tickets/${other}/comment`, { text: "seen" });
    await page.locator(".ask[aria-current]").waitFor();
    assert.equal(await page.locator(".ask[data-gone]").count(), 0);
    for (const key of [settled, other]) await stage.api(`/tickets/${key}/cancel`, { reason: "the story is over" });
    assert.deepEqual(complaints, []);
    await close();
  });

  story("an undo goes with the right to it", async (stage) => {
    const key = await stage.planned("Two: worked on again at once");
    const { page, complaints, close } = await stage.person();
    await page.goto(`/tickets/${key}`);
    await page.fill("#gate [name=reason]", "Once more.");
    await isTold(page, () => page.click("#gate button:has-text('Request changes')"));
    await page.locator("#toast").waitFor();
    await page.locator("#toast form").waitFor({ state: "detached" });
    assert.match(await page.locator("#toast").innerText(), /You/, "what was done is still told");
    assert.deepEqual(complaints, []);
    await close();
  });

  story("a role that is changed is told to the pages that are open", async (stage) => {
    const key = await stage.planned("Two: a role goes");
    const ada = await stage.person();
    const pia = await invited(stage, ada, "pia");
    await pia.page.goto(`/tickets/${key}`);
    await pia.page.locator("#link-state[data-link=live]").waitFor();
    await pia.page.fill("#gate [name=reason]", "Half a thought");
    await ada.page.goto("/settings?part=people");
    await ada.page.click("summary:has-text('Change… pia')");
    await ada.page.selectOption("#role-of-pia", "viewer");
    await ada.page.click("button[aria-label='Change the role of pia']");
    await pia.page.locator("#other-role:not([hidden])", { hasText: "You may only look now." }).waitFor();
    assert.equal(await pia.page.locator("#gate [name=reason]").inputValue(), "Half a thought");
    await pia.page.locator("#gate .banner.changed:visible", { hasText: "You may only look now. Others decide this now. Your text stays here." }).waitFor();
    assert.ok(await pia.page.locator("#gate button:has-text('Request changes')").isDisabled());
    assert.equal((await stage.ticket(key)).gates[0].signoffs.length, 0);
    await Promise.all([ada.close(), pia.close()]);
  });

  story("a viewer looks and decides nothing; an ended session is out", async (stage) => {
    const key = await stage.planned("Two: only looked at");
    const ada = await stage.person();
    await ada.page.goto("/settings");
    await ada.page.fill('form[action="/settings/invite"] [name=name]', "vera");
    await ada.page.selectOption("#invite-role", "viewer");
    await ada.page.click("text=Make the link");
    const link = new URL(await ada.page.locator(".made code").innerText());
    const vera = await stage.person({}, new URL(link.pathname + link.search, stage.url).href);
    await vera.page.goto(`/tickets/${key}`);
    assert.match(await vera.page.locator("#situation").innerText(), /A person/);
    assert.equal(await vera.page.locator('form[action^="/tickets/"], a[href^="/tickets/new"]').count(), 0, "she is offered nothing that is refused");
    const refused = await vera.page.evaluate(async (path) => {
      const csrf = document.querySelector('form[action="/sign-out"] [name=csrf]').value;
      return (await fetch(path, { method: "POST", body: new URLSearchParams({ csrf, back: "ticket", gate: "plan", verdict: "pass" }) })).status;
    }, `/tickets/${key}/verdict`);
    assert.equal(refused, 403);
    assert.equal((await stage.ticket(key)).gates[0].signoffs.length, 0);
    await ada.page.goto("/settings");
    await insists(ada.page, "button[aria-label^='Sign out the browser of vera:']");
    await ada.page.locator("button[aria-label^='Sign out the browser of vera:']").waitFor({ state: "detached" });
    await vera.page.goto("/board");
    assert.match(vera.page.url(), /sign-in|board/);
    assert.equal(await vera.page.locator(".card").count(), 0, "an ended session sees nothing");
    await Promise.all([ada.close(), vera.close()]);
  });

  story("whoever is signed out elsewhere hears nothing more, is told so, and loses nothing that was typed", async (stage) => {
    const key = await stage.planned("Two: signed out while typing");
    const ada = await stage.person();
    const mara = await invited(stage, ada, "mara");
    await mara.page.goto(`/tickets/${key}`);
    await mara.page.locator("#link-state[data-link=live]").waitFor();
    await mara.page.fill("#gate [name=reason]", "Say it louder.");
    await ada.page.goto("/settings?part=people");
    await insists(ada.page, "button[aria-label^='Sign out the browser of mara:']");
    await mara.page.locator("#stale:not([hidden]) >> text=You are signed out").waitFor();
    await stage.api(`/tickets/${key}/comment`, { text: "not for everybody" });
    await mara.page.click("#gate button:has-text('Request changes')");
    assert.match(await mara.page.locator("#gate .unsent").innerText(), /Not sent: you are signed out/);
    assert.equal(await mara.page.locator("#gate [name=reason]").inputValue(), "Say it louder.");
    assert.equal(await mara.page.locator("text=not for everybody").count(), 0);
    await ada.page.goto("/settings?part=people");
    await ada.page.fill('form[action="/settings/invite"] [name=name]', "mara");
    await ada.page.click("text=Make the link");
    const link = new URL(await ada.page.locator(".made code").innerText());
    const other = await mara.context.newPage();
    await other.goto(link.pathname + link.search);
    await isTold(mara.page, () => mara.page.click("#gate button:has-text('Request changes')"));
    assert.deepEqual((await stage.ticket(key)).gates[0].signoffs.map((it) => it.reason), ["Say it louder."]);
    await Promise.all([ada.close(), mara.close()]);
  });
}
