// Without JavaScript every action is a plain form.
import assert from "node:assert/strict";

export function scriptless(story) {
  story("without scripts a ticket is filed, signed off, and its rest is found", async (stage) => {
    const { page, close } = await stage.person({ javaScriptEnabled: false });
    await page.goto("/tickets/new?project=EX");
    await page.fill("[name=title]", "Scriptless: greet plainly");
    await page.selectOption("select[name=project]", "EX");
    await page.click("text=File ticket");
    const key = new URL(page.url()).pathname.split("/").pop();
    await stage.waitsAt(key, "plan");
    await page.goto("/needs-you");
    const ask = page.locator(`#ask-${key}`);
    await ask.locator("button:has-text('Sign off')").click();
    assert.match(await page.locator("#toast").innerText(), /signed off plan/);
    await stage.waitsAt(key, "final_validation");
    await page.goto(`/tickets/${key}/packets/final_validation/diff`);
    assert.ok((await page.locator(".diff-file").count()) >= 2);
    await page.locator("details.findings-in > summary").click();
    await page.fill("[name=findings]", "greeting.txt:3:say more");
    await page.fill("[name=reason]", "It says too little.");
    await page.click("button:has-text('Request changes')");
    const ticket = await stage.ticket(key);
    assert.deepEqual(ticket.findings.map((it) => [it.file, it.line, it.text]), [["greeting.txt", 3, "say more"]]);
    await page.goto("/board");
    await page.locator("details.filter > summary").click();
    await page.fill("#filter [name=q]", "greet plainly");
    await page.click("#filter button:has-text('Apply')");
    assert.equal(await page.locator(".card").count(), 1);
    await close();
  });

  story("without scripts a message is taken back while it waits, and the second press says that it is gone", async (stage) => {
    const key = await stage.planned("Scriptless: said by mistake");
    const [one, other] = [await stage.person({ javaScriptEnabled: false }), await stage.person({ javaScriptEnabled: false })];
    await one.page.goto(`/tickets/${key}`);
    await one.page.fill("[name=text]", "use red");
    await one.page.click("#inbox button:has-text('Queue')");
    await other.page.goto(`/tickets/${key}`);
    await one.page.click("#inbox [data-msg=queued] button:has-text('Take back')");
    assert.match(await one.page.locator("#toast").innerText(), /took messages back/);
    await one.page.locator("#inbox [data-msg=withdrawn]", { hasText: "use red" }).waitFor();
    assert.equal(await one.page.locator("#inbox button:has-text('Take back')").count(), 0);
    await other.page.click("#inbox button:has-text('Take back')");
    await other.page.locator("text=is withdrawn already").waitFor();
    const { messages } = await stage.api(`/messages?ticket=${key}`);
    assert.deepEqual(messages.map((it) => [it.body, it.state]), [["use red", "withdrawn"]]);
    await one.close();
    await other.close();
  });

  story("without scripts a refused form says why, and keeps what was typed", async (stage) => {
    const { page, close } = await stage.person({ javaScriptEnabled: false });
    await page.goto("/tickets/new?project=EX");
    await page.fill("[name=title]", "Scriptless: refused");
    await page.selectOption("select[name=project]", "EX");
    await page.fill("[name=blocked_by]", "EX-9999");
    await page.click("text=File ticket");
    assert.match(await page.locator(".banner[role=alert]").innerText(), /EX-9999/);
    assert.equal(await page.inputValue("[name=title]"), "Scriptless: refused");
    await close();
  });
}
