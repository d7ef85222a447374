// Measures pages in Chromium for `cargo xtask bench`: prints a line of JSON, `{"name", "values"}`, for each measure.
// `node measure.js URL TOKEN RUNS MEASURE [KEY]`; MEASURE is `shown`, `weight`, `console` or `change`; KEY a ticket's key.
import { pathToFileURL } from "node:url";
import { launch } from "./stage.js";

/** Of how many states a board must show cards before it counts as there: there are ready ones and waiting ones. */
const COLUMNS = 2;

async function api(at, path, body) {
  const answer = await fetch(`${at.url}/api/v1${path}`, { method: "POST", body: JSON.stringify(body), headers: { authorization: `Bearer ${at.token}`, "content-type": "application/json" } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

/** How long a browser rests before it is sent to a page, in milliseconds: the start of its processes is nothing of the page. */
const REST = 1_000;

/** A browser of its own with empty caches, signed in, on no page of the site, at rest. */
async function person(at) {
  const context = await at.browser.newContext({ viewport: { width: 1440, height: 900 }, baseURL: at.url });
  const { url } = await api(at, "/sign-in-link", {});
  await context.request.get(url); // the cookie is shared; nothing of the page is kept
  const page = await context.newPage();
  await page.waitForTimeout(REST);
  return { context, page, close: () => context.close() };
}

/** What came over the wire since, by address, in bytes with headers; what the cache gave weighs nothing. */
async function scale(page) {
  const wire = await page.context().newCDPSession(page);
  await wire.send("Network.enable");
  const urls = new Map();
  const weights = new Map();
  wire.on("Network.requestWillBeSent", (it) => urls.set(it.requestId, it.request.url));
  wire.on("Network.loadingFinished", (it) => weights.set(urls.get(it.requestId), it.encodedDataLength));
  return { sum: (counts) => [...weights].filter(([url]) => counts(url)).reduce((sum, [, bytes]) => sum + bytes, 0), weights };
}

/** The milliseconds from the start of the navigation until the whole page is loaded and painted. */
async function painted(page) {
  return page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(() => done(performance.now()), 0))));
}

/** Notes when all of a page is read and painted, whatever its scripts do afterwards. */
const noteScreen = () => {
  document.addEventListener("readystatechange", () => {
    if (document.readyState === "interactive") requestAnimationFrame(() => setTimeout(() => (globalThis.onScreen = performance.now()), 0));
  });
};

/** The board, each time in a browser that has seen nothing: until all of it is on the screen, and until its scripts ran too. */
async function shown(at) {
  const values = { shown: [], whole: [] };
  for (let n = 0; n < at.runs; n++) {
    const { page, close } = await person(at);
    await page.addInitScript(noteScreen);
    await page.goto("/board", { waitUntil: "load" });
    values.whole.push(await painted(page));
    values.shown.push(await page.evaluate(() => globalThis.onScreen));
    const columns = await page.locator("section[data-col]:has(.card)").count();
    if (columns < COLUMNS) throw new Error(`the board shows cards of ${columns} states`);
    await close();
  }
  return values;
}

const isNoFont = (url) => !url.includes(".woff2") && !url.includes("/live");

/** Three pages in a browser that has seen nothing. */
async function weight(at) {
  const values = {};
  for (const [name, path] of [["needs you", "/needs-you"], ["board", "/board"], ["ticket", `/tickets/${at.key}`]]) {
    const { page, close } = await person(at);
    const { sum, weights } = await scale(page);
    await page.goto(path, { waitUntil: "load" });
    await page.waitForTimeout(500); // what is asked for after the load event
    if (weights.size < 4) throw new Error(`${path} asked for ${weights.size} files`);
    values[`weight: ${name}`] = [sum(isNoFont) / 1000];
    await close();
  }
  return values;
}

/** A ticket whose terminal is opened, in a browser that has seen nothing. */
async function terminal(at) {
  const { page, close } = await person(at);
  const { sum, weights } = await scale(page);
  await page.goto(`/tickets/${at.key}`, { waitUntil: "load" });
  await page.getByRole("button", { name: "Terminal" }).or(page.getByRole("link", { name: "Terminal" })).first().click();
  await page.locator(".xterm").waitFor();
  await page.waitForTimeout(500);
  if (![...weights.keys()].some((url) => url?.includes("xterm"))) throw new Error("the terminal's program was not asked for");
  const values = { "weight: console": [sum(isNoFont) / 1000] };
  await close();
  return values;
}

/** From the request that changes a ticket to the frame in which an open board shows it. */
async function change(at) {
  const { page, close } = await person(at);
  await page.goto("/board", { waitUntil: "load" });
  await page.locator("#link").or(page.getByText("Live")).first().waitFor();
  const parked = () => Number(document.getElementById("n-parked").textContent);
  const before = await page.evaluate(parked);
  const { key } = await api(at, "/tickets", { title: "A ticket that comes and goes", park: true });
  await page.waitForFunction((n) => Number(document.getElementById("n-parked").textContent) === n + 1, before);
  const values = [];
  for (let n = 0; n < at.runs; n++) {
    const seen = page.evaluate(
      () =>
        new Promise((done, failed) => {
          setTimeout(() => failed(new Error("the change was not seen")), 20_000);
          const parked = () => document.getElementById("n-parked")?.textContent;
          const before = parked();
          const eye = new MutationObserver(() => {
            if (parked() === before) return;
            eye.disconnect();
            requestAnimationFrame(() => setTimeout(() => done(performance.timeOrigin + performance.now()), 0));
          });
          eye.observe(document.body, { subtree: true, childList: true, characterData: true });
        }),
    );
    await page.evaluate(() => undefined); // the eye is open
    const asked = performance.timeOrigin + performance.now();
    await api(at, `/tickets/${key}/${n % 2 ? "park" : "unpark"}`, {});
    values.push((await seen) - asked);
  }
  await close();
  return { change: values };
}

const MEASURES = { shown, weight, console: terminal, change };

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [, , url, token, runs, measure, key] = process.argv;
  const at = { url, token, runs: Number(runs), key, browser: await launch() };
  try {
    for (const [name, values] of Object.entries(await MEASURES[measure](at))) console.log(JSON.stringify({ name, values }));
  } finally {
    await at.browser.close();
  }
}
