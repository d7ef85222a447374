// A server that is killed under an open page: the page says so, keeps what it shows, and goes on by itself.
import assert from "node:assert/strict";

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
