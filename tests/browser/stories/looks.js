// Every page in both themes at three widths: no finding of axe, no complaint of the browser, nothing wider than the window.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDTHS = [1440, 900, 390];
const SCHEMES = ["light", "dark"];
const LONG = `${"A title of two hundred characters that says at length what is to be done, ".repeat(3).slice(0, 197)}end`;
const ARABIC = "إعادة تصميم صفحة الحجز: بطاقات المراسي تعرض الأماكن الشاغرة الليلة";

/** The pages, with the tickets that the stage has. */
const pages = (keys) => [
  "/needs-you",
  "/board",
  "/board?by=campaign",
  "/board?by=role&mine=yes",
  "/board?q=nothing+has+this+name",
  "/fleet",
  "/packets",
  "/packets?status=refuted",
  "/calibration",
  "/policy",
  "/digest",
  "/projects",
  "/settings",
  "/settings?part=runtimes",
  "/settings?part=roles",
  "/settings?part=workflows",
  "/settings?part=all&q=role",
  "/tickets/new",
  "/tickets/HB-1",
  "/tickets/HB-1?part=dependencies",
  "/tickets/HB-1?part=activity",
  "/tickets/HB-2",
  "/tickets/HB-5",
  "/tickets/HB-2/packets/design_signoff",
  "/tickets/HB-2/packets/first_validation",
  "/tickets/HB-2/packets/first_validation/diff?style=split",
  "/tickets/EX-9999",
  `/tickets/${keys.twenty}`,
  `/tickets/${keys.arabic}`,
  `/tickets/${keys.campaign}`,
  `/tickets/${keys.built}/packets/final_validation/diff`,
];

/** Looks at one page in one width and scheme; returns what is wrong with it. */
async function wrongs(page, path, width, scheme) {
  await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
  const found = await page.evaluate(async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.target.join(" ")} — ${node.any.concat(node.all, node.none)[0]?.message ?? ""}`));
  });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  const where = `${path} at ${width} ${scheme}`;
  return [...found.map((it) => `${where}: ${it}`), ...(wide > 0 ? [`${where}: ${wide} px wider than the window`] : [])];
}

export function looks(story) {
  story("every page holds in both themes at three widths, with long, foreign and many-gated content", async (stage) => {
    const keys = {
      built: await stage.built("Looks: a change to look at"),
      twenty: await stage.planned(LONG.slice(0, 200), { workflow: "twenty" }),
      arabic: await stage.planned(ARABIC, { body: ARABIC }),
      campaign: await stage.files("Looks: a campaign of odd tickets", { kind: "campaign" }),
    };
    await stage.files("Looks: a child that waits", { parent: keys.campaign, blocked_by: [keys.twenty] });
    await stage.planned("Looks: a child with twenty gates", { parent: keys.campaign, workflow: "twenty" });
    const { key, commit } = await stage.twoRounds();
    const all = [...pages(keys), `/tickets/${key}/packets/qa_review/diff?since=${commit}`];
    const wrong = [];
    const looker = async (from) => {
      const { page, complaints, close } = await stage.person();
      for (let n = from; n < all.length; n += 2) {
        complaints.length = 0;
        for (const width of WIDTHS) {
          await page.setViewportSize({ width, height: width === 390 ? 844 : 900 });
          await page.goto(all[n]);
          await page.evaluate(AXE);
          for (const scheme of SCHEMES) wrong.push(...(await wrongs(page, all[n], width, scheme)));
        }
        const isMissing = all[n].includes("9999");
        wrong.push(...complaints.filter((it) => !isMissing || !it.includes("404")).map((it) => `${all[n]}: the browser says: ${it}`));
      }
      await close();
    };
    await Promise.all([looker(0), looker(1)]);
    const sign = await stage.browser.newContext({ baseURL: stage.url });
    const page = await sign.newPage();
    for (const width of WIDTHS) {
      await page.setViewportSize({ width, height: 900 });
      await page.goto("/sign-in");
      await page.evaluate(AXE);
      for (const scheme of SCHEMES) wrong.push(...(await wrongs(page, "/sign-in", width, scheme)));
    }
    await sign.close();
    assert.deepEqual([...new Set(wrong)], []);
  });

  story("on a phone nothing loses its name or its place: settings, lanes, tools and tabs", async (stage) => {
    const key = await stage.planned("Phone: say hello");
    const { page, complaints, close } = await stage.person({ viewport: { width: 390, height: 844 } });
    const told = (selector) => page.locator(selector).first().evaluate((it) => getComputedStyle(it, "::before").content);
    for (const [part, names] of [["runtimes", ["Driver", "Project", "From"]], ["roles", ["Runtimes", "Permission", "Slots"]], ["workflows", ["Worked by", "Decided by", "Sends back to"]]]) {
      await page.goto(`/settings?part=${part}`);
      for (const name of names) assert.match(await told(`td[data-th="${name}"]`), new RegExp(name), part);
    }
    await page.goto("/fleet");
    const idle = page.locator("#lane-EX-planner td.spare").first();
    assert.ok(await idle.isVisible());
    assert.match(await told("#lane-EX-planner td.spare"), /plans/);
    const [row, pause] = await Promise.all(["#lane-EX-planner", "#lane-EX-planner td.r button"].map((it) => page.locator(it).boundingBox()));
    assert.ok(row.x + row.width - pause.x - pause.width < 20, "Pause stands at the edge");
    for (const path of ["/needs-you", "/board", "/packets", "/settings", "/tickets/HB-1", `/tickets/${key}`]) {
      await page.goto(path);
      const cut = await page.locator(".page-head .tools :is(a, button, summary, label)").evaluateAll((all) => all.filter((it) => it.getBoundingClientRect().right > innerWidth).map((it) => it.textContent));
      assert.deepEqual(cut, [], path);
    }
    await page.goto("/board?by=campaign&project=EX");
    assert.equal(await page.locator(".tabs > [aria-current]").innerText(), "Campaigns");
    assert.match(await page.locator(".tabs a", { hasText: "Campaigns" }).getAttribute("href"), /project=EX/);
    assert.deepEqual(complaints, []);
    await close();
  });
}
