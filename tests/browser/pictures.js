// Takes pictures of the built pages for the documents: `MISSION_BIN=… node pictures.js FOLDER`.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Stage, until } from "./stage.js";

const folder = process.argv[2];
if (!folder) throw new Error("name the folder for the pictures");
mkdirSync(folder, { recursive: true });
const stage = await Stage.make();
try {
  const campaign = await stage.files("Greetings for every season", { kind: "campaign" });
  const spring = await stage.planned("Greet the spring guests by name", { parent: campaign, priority: "high" });
  const summer = await stage.built("Say where the berths are in summer", { parent: campaign });
  await stage.files("Tell of the first ice", { parent: campaign, blocked_by: [spring] });
  const asked = await stage.files("Choose the colour of the autumn greeting", { parent: campaign, body: "Ask first." });
  await until("it asks", async () => (await stage.ticket(asked)).state === "needs_input");
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
      const { page, close } = await stage.person({ viewport: { width, height }, colorScheme: scheme });
      for (const [name, path] of shots) {
        await page.goto(path, { waitUntil: "load" });
        await page.evaluate(() => document.fonts.ready);
        await page.screenshot({ path: join(folder, `${name}${width === 390 ? "-390" : ""}${scheme === "dark" ? "-dark" : ""}.png`) });
      }
      await close();
    }
} finally {
  await stage.down();
}
