// Takes pictures of the built pages for the documents: `MISSION_BIN=… node pictures.js FOLDER [DESIGN]`. Where DESIGN, a folder of
// the direction's pictures, has one of the same name, the two stand side by side.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Stage, until } from "./stage.js";

const [, , folder, design] = process.argv;
/** How well the pictures are kept, of a hundred. */
const QUALITY = 72;
/** Pixels of a picture for each of the page. */
const SHARPNESS = 1.5;
if (!folder) throw new Error("name the folder for the pictures");
mkdirSync(folder, { recursive: true });
const stage = await Stage.make();

/** Puts the direction's picture, if there is one, beside the built page's, and writes both into one file. */
async function beside(page, name, built) {
  const drawn = design && join(design, `${name}.png`);
  const parts = [drawn && existsSync(drawn) ? ["design", readFileSync(drawn)] : null, ["built", built]].filter(Boolean);
  const figures = parts.map(([word, bytes]) => `<figure><figcaption>${word}</figcaption><img src="data:image/png;base64,${bytes.toString("base64")}"></figure>`);
  const width = (name.includes("-390") ? 390 : 1440) / 2;
  await page.setViewportSize({ width: 4 + parts.length * (width + 12), height: 300 });
  await page.setContent(`<style>*{margin:0}body{display:flex;gap:12px;padding:8px;background:#888;font:600 13px sans-serif;width:max-content}figcaption{padding:2px 0 4px}img{display:block;width:${width}px}</style>${figures.join("")}`);
  await page.evaluate(() => Promise.all([...document.images].map((it) => it.decode())));
  const { width: w, height: h } = await page.evaluate(() => ({ width: document.documentElement.scrollWidth, height: document.documentElement.scrollHeight }));
  const wire = await page.context().newCDPSession(page);
  const clip = { x: 0, y: 0, width: w, height: h, scale: SHARPNESS };
  const { data } = await wire.send("Page.captureScreenshot", { format: "webp", quality: QUALITY, captureBeyondViewport: true, clip });
  await wire.detach();
  writeFileSync(join(folder, `${name}.webp`), Buffer.from(data, "base64"));
}

try {
  const campaign = await stage.files("Greetings for every season", { kind: "campaign" });
  const spring = await stage.planned("Greet the spring guests by name", { parent: campaign, priority: "high" });
  const summer = await stage.built("Say where the berths are in summer", { parent: campaign });
  await stage.files("Tell of the first ice", { parent: campaign, blocked_by: [spring] });
  const asked = await stage.files("Choose the colour of the autumn greeting", { parent: campaign, body: "Ask first." });
  await until("it asks", async () => (await stage.ticket(asked)).state === "needs_input");
  const pushed = await stage.files("Put the autumn greeting where the harbour office sees it", { parent: campaign, workflow: "pushed", priority: "urgent" });
  await until("it asks for the push", async () => (await stage.ticket(pushed)).state === "needs_input");
  const watched = await stage.files("Greet whoever comes by sea", { parent: campaign, workflow: "seen" });
  await stage.files("Count the greetings of a year", { workflow: "slow" });
  await until("a lane waits for a line", async () => (await stage.ticket(watched)).state === "active");
  await stage.planned("A greeting that guests can send to a friend");
  await stage.files("Plan: a greeting card shop", { park: true });
  const shots = [
    ["needs-you", "/needs-you"],
    ["board", "/board"],
    ["board-campaigns", "/board?by=campaign"],
    ["campaign", `/tickets/${campaign}`],
    ["ticket", `/tickets/${summer}`],
    ["fleet", "/fleet"],
    ["packet", "/tickets/HB-2/packets/design_signoff"],
    ["diff", `/tickets/${summer}/packets/final_validation/diff`],
    ["review-calibration", "/calibration"],
    ["digest", "/digest"],
    ["policy", "/policy"],
    ["settings", "/settings?part=workflows"],
    ["projects", "/projects"],
  ];
  for (const scheme of ["light", "dark"])
    for (const [width, height] of [[1440, 900], [390, 844]]) {
      const table = await (await stage.browser.newContext()).newPage();
      const { page, close } = await stage.person({ viewport: { width, height }, colorScheme: scheme });
      for (const [name, path] of shots) {
        await page.goto(path, { waitUntil: "load" });
        await page.evaluate(() => document.fonts.ready);
        const shot = await page.screenshot();
        await beside(table, `${name}${width === 390 ? "-390" : ""}${scheme === "dark" ? "-dark" : ""}`, shot);
      }
      await table.context().close();
      await close();
    }
} finally {
  await stage.down();
}
