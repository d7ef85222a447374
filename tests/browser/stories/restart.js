// A server that is killed under an open page: the page says so, keeps what it shows, and goes on by itself.
import assert from "node:assert/strict";
import { until } from "../stage.js";

export function restart(story) {
  story("a page whose server is killed says since when, and shows what happened meanwhile once it is back", async (stage) => {
    const { page, close } = await stage.person();
    await page.goto("/board");
    await page.locator("#link-state[data-link=live]").waitFor();
    const cards = await page.locator(".card").count();
    const url = stage.url;
    await stage.kill();
    await page.locator("#stale:not([hidden])").waitFor();
    assert.match(await page.locator("#stale").innerText(), /Live updates stopped at \d\d:\d\d/);
    assert.equal(await page.locator(".card").count(), cards, "what was known stays");
    await stage.up();
    assert.equal(stage.url, url, "the server takes its last port again");
    const key = await stage.files("Restart: filed after it came back");
    await page.locator("#stale").waitFor({ state: "hidden" });
    await page.locator(`#ticket-${key}`).waitFor();
    await close();
  });

  story("a server that stops without going is behind by nobody knows what, then not live, and the page goes on by itself", async (stage) => {
    const { page, close } = await stage.person();
    await page.goto("/board");
    const link = page.locator("#link-state");
    await until("it says how far behind it is", async () => /Live\s+· \d+ ms behind/.test(await link.innerText()));
    stage.server.kill("SIGSTOP");
    try {
      await until("the figure goes", async () => /^Live\s*$/.test(await link.innerText()));
      await page.locator("#stale:not([hidden])").waitFor();
      assert.match(await link.innerText(), /^Not live\s*$/);
    } finally {
      stage.server.kill("SIGCONT");
    }
    await page.locator("#stale").waitFor({ state: "hidden" });
    const key = await stage.files("Restart: filed after the silence");
    await page.locator(`#ticket-${key}`).waitFor();
    await until("it says so again", async () => /Live\s+· \d+ ms behind/.test(await link.innerText()));
    await close();
  });

  story("what is typed while the server is gone is not sent and not lost, and goes once it is back", async (stage) => {
    const key = await stage.planned("Restart: decided over a server that was killed");
    const { page, complaints, close } = await stage.person();
    await page.goto(`/tickets/${key}`);
    await page.locator("#link-state[data-link=live]").waitFor();
    await stage.kill();
    await page.locator("#stale:not([hidden])").waitFor();
    await page.getByText("nothing can be sent now").waitFor();
    assert.doesNotMatch(await page.locator("#stale").innerText(), /still count/);
    const reason = page.locator(`#verdict-${key}-reason`);
    await reason.fill("the second step is missing");
    const address = page.url();
    await page.getByRole("button", { name: /^Request changes/ }).click();
    await page.locator(`#verdict-${key} .unsent`).getByText("Not sent.").waitFor();
    assert.equal(page.url(), address, "the page stays");
    assert.equal(await reason.inputValue(), "the second step is missing");
    await stage.up();
    await page.locator("#stale").waitFor({ state: "hidden" });
    await page.locator(`#verdict-${key} .unsent`).getByText("The server answers again.").waitFor();
    assert.equal(await reason.inputValue(), "the second step is missing");
    await Promise.all([page.waitForURL(/did=|tickets/), page.getByRole("button", { name: /^Request changes/ }).click()]);
    const sent = await until("the verdict is there", async () => (await stage.ticket(key)).gates[0].signoffs.find((it) => it.verdict === "changes"));
    assert.equal(sent.reason, "the second step is missing");
    assert.deepEqual(complaints.filter((it) => !/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|Failed to load resource/.test(it)), []);
    // The page that answers is there whole: a context that is closed while it comes is not heard of again.
    await page.locator("#link-state[data-link=live]").waitFor();
    await close();
  });

  story("a page that was offline goes on where it stopped", async (stage) => {
    const { page, context, close } = await stage.person();
    await page.goto("/board");
    await page.locator("#link-state[data-link=live]").waitFor();
    await context.setOffline(true);
    const key = await stage.files("Restart: filed while nobody listened");
    await context.setOffline(false);
    await page.locator(`#ticket-${key}`).waitFor();
    assert.match(await page.locator("#link-state").innerText(), /Live\s+· \d+ ms behind/);
    await close();
  });
}
