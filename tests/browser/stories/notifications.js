// Notifications: what still needs somebody is told by one tab, seldom, and not while they look.
import assert from "node:assert/strict";
import { until } from "../stage.js";

/** Records what is told instead of showing it, and lets the story say whether somebody looks at a page. */
const RECORD = (isLooked) => {
  window.told = [];
  window.isLooked = isLooked;
  window.Notification = class {
    static permission = "granted";
    static asked = 0;
    static async requestPermission() {
      this.asked += 1;
      return this.permission;
    }
    constructor(title, options) {
      window.told.push({ title, body: options.body });
    }
  };
  document.hasFocus = () => window.isLooked;
};

const told = async (pages) => (await Promise.all(pages.map((page) => page.evaluate(() => window.told)))).flat();

async function looks(page, isLooked) {
  await page.evaluate((value) => {
    window.isLooked = value;
    window.dispatchEvent(new Event(value ? "focus" : "blur"));
  }, isLooked);
}

/** Turns it on in Settings, and waits for less long than a person would want. */
async function turnsOn(page, dwell, cooldown) {
  await page.goto("/settings");
  await page.click("[data-notify-toggle]");
  await page.locator("[data-notify-state]:has-text('On.')").waitFor();
  await page.evaluate((wanted) => {
    const key = Object.keys(localStorage).find((it) => it.startsWith("notify:"));
    localStorage.setItem(key, JSON.stringify({ on: true, ...wanted }));
  }, { dwell, cooldown });
}

export function notifications(story) {
  story("one tab of two tells what still needs somebody, once, and the title and the icon say it too", async (stage) => {
    const { context, page, complaints, close } = await stage.person();
    await context.addInitScript(RECORD, false);
    await turnsOn(page, 1, 0);
    const other = await context.newPage();
    await page.goto("/board");
    await other.goto("/fleet");
    await Promise.all([page, other].map((it) => it.locator("#link-state[data-link=live]").waitFor()));
    const key = await stage.planned("Notify: look at the plan");
    await until("it is told", async () => (await told([page, other])).some((it) => `${it.title} ${it.body}`.includes(key)));
    await until("the title counts it", async () => /^\(\d+\) /.test(await other.title()));
    assert.match(await other.getAttribute("link[rel=icon]", "href"), /favicon-you/);
    // The tab that tells goes: the other takes over and repeats nothing.
    const before = (await told([page, other])).filter((it) => `${it.title} ${it.body}`.includes(key)).length;
    assert.equal(before, 1);
    await page.close();
    const next = await stage.planned("Notify: and another");
    await until("the other tab tells the next", async () => (await told([other])).some((it) => `${it.title} ${it.body}`.includes(next)));
    assert.ok(!(await told([other])).slice(-1)[0].body.includes(key), "what was told is not told again");
    assert.deepEqual(complaints, []);
    await close();
  });

  story("nothing is told while somebody looks, before the dwell, within the cooldown, or when it is off", async (stage) => {
    const { context, page, complaints, close } = await stage.person();
    await context.addInitScript(RECORD, true);
    await page.goto("/settings");
    assert.equal(await page.evaluate(() => window.Notification.asked), 0, "leave is asked for on a click only");
    await turnsOn(page, 1, 3600);
    await page.goto("/board");
    await page.locator("#link-state[data-link=live]").waitFor();
    const isAbout = (key) => async (answer) => answer.url().endsWith("/api/v1/needs-you") && (await answer.text()).includes(key);
    const asksAbout = async (key) => {
      const answer = page.waitForResponse(isAbout(key));
      await page.evaluate(() => document.dispatchEvent(new CustomEvent("mission:notify")));
      await answer;
    };
    const seen = await stage.planned("Notify: before their eyes");
    await until("what was seen is kept", () => page.evaluate((key) => Object.values(localStorage).some((it) => it.includes(key)), seen));
    await looks(page, false);
    const first = await stage.planned("Notify: while away");
    await until("it is told", async () => (await told([page])).length > 0);
    assert.deepEqual((await told([page])).map((it) => it.title), [`${first} needs you`]);
    // Within the cooldown: it is seen, seen again after the dwell, and once more when that look is over.
    const late = await stage.planned("Notify: too soon after");
    await asksAbout(late);
    await page.waitForResponse(isAbout(late));
    await asksAbout(late);
    assert.equal((await told([page])).length, 1);
    await page.goto("/settings");
    await page.click("[data-notify-toggle]");
    await page.locator("[data-notify-state]:has-text('Off.')").waitFor();
    assert.equal(await page.evaluate(() => window.told.length), 0);
    assert.deepEqual(complaints, []);
    await close();
  });
}
