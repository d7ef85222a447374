// Packets: pictures before and after, the change line by line, comments that leave as one batch with the verdict.
import assert from "node:assert/strict";
import { isTold, until } from "../stage.js";

export function packets(story) {
  story("before and after stand under a slider, side by side and as their difference", async (stage) => {
    const { page, complaints, close } = await stage.person();
    await page.goto("/tickets/HB-2/packets/design_signoff");
    const shown = () => page.locator(".compare[data-on]");
    assert.equal(await page.locator(".compare").count(), 6, "three widths in two schemes");
    assert.equal(await shown().getAttribute("data-mode"), "slider");
    await page.keyboard.press("3");
    assert.match(await shown().locator("figcaption").innerText(), /^900 /);
    const slide = shown().locator("[data-slide]");
    const before = Number(await slide.inputValue());
    await page.keyboard.press("ArrowRight");
    assert.equal(Number(await slide.inputValue()), before + 5);
    await page.click("text=Side by side");
    assert.ok((await shown().locator(".before").isVisible()) && (await shown().locator(".after").isVisible()));
    await page.click("[data-mode-pick=difference]");
    assert.ok((await shown().locator(".differs").isVisible()) && !(await shown().locator(".before").isVisible()));
    const loaded = await shown().locator(".differs img").evaluate((img) => img.decode().then(() => img.naturalWidth));
    assert.ok(loaded > 100, "the picture is there");
    assert.deepEqual(complaints, []);
    await close();
  });

  story("comments on lines are kept, and leave as findings with the verdict, by keyboard", async (stage) => {
    const key = await stage.built("Packets: comment on lines");
    const { page, complaints, close } = await stage.person();
    await page.goto(`/tickets/${key}`);
    await page.keyboard.press("d");
    await page.waitForURL(/\/diff$/);
    const greeting = page.locator('.diff-file[data-file="greeting.txt"]');
    assert.ok(await page.locator('.diff-file[data-file="long.txt"]:not([open])').count(), "a long file is folded");
    assert.ok((await greeting.innerText()).includes("<b>not markup</b>"));
    for (let n = 0; n < 5 && !(await greeting.locator("summary:focus").count()); n++) await page.keyboard.press("j");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await page.keyboard.type("Greet the second line too: please.");
    await page.keyboard.press("Control+Enter");
    assert.equal(await page.locator(".comments li").count(), 1);
    await page.reload();
    assert.equal(await page.locator(".comments li").count(), 1, "a comment outlives the page");
    await greeting.locator("tr[data-line='7'] td").nth(1).click();
    await page.locator("tr.draft textarea").fill("And the seventh.");
    await page.click("tr.draft >> text=Keep");
    await page.keyboard.press("s");
    await page.waitForURL(/style=split/);
    assert.equal(await page.locator(".comments li").count(), 2, "both styles hold the same comments");
    await greeting.locator("tr[data-line='6'] td").last().click();
    await page.keyboard.type("Typed and not kept.");
    assert.equal(await page.locator(".review [name=reason][required]").count(), 0, "a comment is reason enough");
    await page.click(".review button:has-text('Sign off')");
    await page.locator(".review button:has-text('Press again: sign off over 3 comments')").waitFor();
    await isTold(page, () => page.click(".review button:has-text('Request changes')"));
    const findings = (await stage.ticket(key)).findings.map((it) => [it.file, it.text]);
    // What landed before decides whether the change takes that line away: whoever reads the finding is told so.
    const [first, second, third] = findings;
    assert.match(first.join(": "), /^greeting\.txt: Greet the second line too: please\.( \(about a removed line\))?$/);
    assert.deepEqual(second, ["greeting.txt", "And the seventh."]);
    assert.deepEqual([third, findings.length], [["greeting.txt", "Typed and not kept."], 3]);
    assert.deepEqual(complaints, []);
    await close();
  });

  story("side by side, a comment is about the side that is meant, by mouse and by keyboard", async (stage) => {
    const key = await stage.built("Packets: comment on both sides");
    const { page, complaints, close } = await stage.person();
    await page.goto(`/tickets/${key}/packets/final_validation/diff?style=split`);
    const greeting = page.locator('.diff-file[data-file="greeting.txt"]');
    const first = greeting.locator("tr:has(> td.del):has(> td.add)").first();
    const line = { was: await first.getAttribute("data-was"), is: await first.getAttribute("data-line") };
    await first.locator("td.del").last().click();
    assert.match(await page.locator("tr.draft textarea").getAttribute("aria-label"), new RegExp(`removed line ${line.was}$`));
    await page.locator("tr.draft textarea").fill("Keep what was.");
    await page.click("tr.draft >> text=Keep");
    assert.equal(await first.getAttribute("aria-current"), "true", "the focus is back at the line");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Enter");
    assert.match(await page.locator("tr.draft textarea").getAttribute("aria-label"), new RegExp(`, line ${line.is}$`));
    await page.keyboard.type("And say it anew.");
    await page.keyboard.press("Control+Enter");
    await page.keyboard.press("ArrowLeft");
    assert.equal(await first.getAttribute("data-side"), "was");
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("tr.draft textarea").inputValue(), "Keep what was.", "the removed side is reached by keyboard");
    await page.keyboard.press("Escape");
    const said = (await page.locator(".review [name=finding]").evaluateAll((all) => all.map((it) => it.value))).sort();
    assert.deepEqual(said, [`greeting.txt:${line.is}:And say it anew.`, `greeting.txt:${line.was}:Keep what was. (about a removed line)`].sort());
    await page.keyboard.press("s");
    await page.waitForURL(/style=unified/);
    const below = await greeting.locator(`tr.del[data-was="${line.was}"] + tr.draft`).innerText();
    assert.match(below, /removed line[^]*Keep what was/, "below the removed line here too");
    await page.fill(".review [name=reason]", "See both sides.");
    await isTold(page, () => page.click(".review button:has-text('Request changes')"));
    await page.goto(`/tickets/${key}/packets/final_validation/diff`);
    assert.match(await greeting.locator(`tr.del[data-was="${line.was}"] + tr.found`).innerText(), /Keep what was/);
    assert.deepEqual(complaints, []);
    await close();
  });

  story("an arrow opens a folded file, and the focus is never lost", async (stage) => {
    const key = await stage.built("Packets: a folded file");
    const { page, complaints, close } = await stage.person();
    await page.goto(`/tickets/${key}/packets/final_validation`);
    await page.click('.diff-file[data-file="long.txt"] > summary');
    await page.click("text=/^\\d+ more lines in the full diff$/");
    await page.waitForURL(/diff#file-\d+$/);
    const long = page.locator('.diff-file[data-file="long.txt"]');
    assert.equal(await long.getAttribute("open"), "", "who follows a link to a folded file sees it");
    await long.locator("summary").focus();
    await page.keyboard.press("Enter");
    assert.equal(await long.getAttribute("open"), null);
    await page.keyboard.press("ArrowDown");
    assert.equal(await long.locator("tr[aria-current]:focus").count(), 1, "its first line is marked, and has the focus");
    await page.keyboard.press("ArrowUp");
    assert.equal(await long.locator("summary:focus").count(), 1, "above the first line is the heading");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("v");
    assert.equal(await long.locator("summary:focus").count(), 1, "a file that folds keeps the focus");
    assert.deepEqual(complaints, []);
    await close();
  });

  story("what is long in coming has a skeleton in its place", async (stage) => {
    const { page, context, complaints, close } = await stage.person();
    let letGo;
    const held = new Promise((done) => (letGo = done));
    await context.route(/\/artifacts\/|xterm-6/, (route) => held.then(() => route.continue()));
    await page.goto("/tickets/HB-2/packets/design_signoff", { waitUntil: "commit" });
    const waits = page.locator(".compare[data-on] .shot[aria-busy=true]");
    await waits.locator(".skel").first().waitFor();
    await page.keyboard.press("3");
    await waits.locator(".skel").first().waitFor();
    const other = await context.newPage();
    const watched = await stage.files("Packets: a terminal", { workflow: "seen" });
    await other.goto(`/tickets/${watched}`);
    await other.click("[data-console]");
    await other.locator("[data-view][aria-busy=true] .skel").waitFor();
    assert.ok(await other.locator("[data-find]").isDisabled(), "there is nothing to find yet");
    letGo();
    await other.locator("[data-view][aria-busy=false] .xterm-screen").waitFor();
    assert.ok(await other.locator("[data-find]").isEnabled());
    await until("the pictures are there", async () => !(await page.locator(".skel, [aria-busy=true]").count()));
    await stage.api(`/tickets/${watched}/cancel`, { reason: "it was looked at" });
    assert.deepEqual(complaints, []);
    await close();
  });

  story("the change since an earlier round shows what became of each commit, in the colours of its language", async (stage) => {
    const { key, commit } = await stage.twoRounds();
    const { page, complaints, close } = await stage.person();
    await page.goto(`/tickets/${key}/packets/qa_review/diff`);
    const whole = await page.locator(".diff tr.add").count();
    await page.click(`nav[aria-label=Since] >> text=Since ${commit.slice(0, 8)}`);
    await page.waitForURL(/since=/);
    assert.match(await page.locator(".rounds").innerText(), /unchanged[^]*new/);
    await page.keyboard.press("[");
    await page.waitForURL((it) => !it.search.includes("since="));
    await page.keyboard.press("]");
    await page.waitForURL(/since=/);
    assert.ok((await page.locator(".diff tr.add").count()) < whole, "less than the whole change");
    const file = page.locator(".diff-file[data-file='web/app.js']");
    await file.locator(".hljs-keyword").first().waitFor();
    const lines = await file.locator("tr.add code").allInnerTexts();
    assert.ok(lines.some((it) => it.includes("note.textContent")), `the words stay as they are: ${lines}`);
    await page.keyboard.press("s");
    await page.waitForURL(/style=split&since=/);
    await page.locator("td.add .hljs-string").first().waitFor();
    assert.equal((await page.goto(`/tickets/${key}/packets/qa_review/diff?since=0123456`)).status(), 404);
    assert.deepEqual(complaints.filter((it) => !it.includes("404")), []);
    await close();
  });

  story("a changed picture stands beside what it was, and what is none is not served as one", async (stage) => {
    const key = await stage.built("Packets: a picture", { body: "Draw it anew." });
    const { page, complaints, close } = await stage.person();
    await page.goto(`/tickets/${key}/packets/final_validation/diff`);
    const file = (path) => page.locator(`.diff-file[data-file="${path}"]`);
    const width = (path, side) => file(path).locator("figure").nth(side).locator("img").evaluate((img) => img.decode().then(() => img.naturalWidth));
    assert.deepEqual([await width("logo.png", 0), await width("logo.png", 1)], [96, 120]);
    assert.match(await file("logo.png").locator("figure").nth(1).innerText(), /^after [0-9a-f]{8} 120 × 64$/);
    for (const [path, word, there] of [["badge.png", "new", 1], ["old.png", "removed", 0]]) {
      assert.match(await file(path).locator("summary").innerText(), new RegExp(word));
      assert.equal(await file(path).locator("figure img").count(), 1);
      assert.match(await file(path).locator("figure").nth(1 - there).innerText(), /There is none/);
    }
    const address = await file("logo.png").locator("a").last().getAttribute("href");
    const answer = await page.request.get(address);
    assert.equal(answer.headers()["content-type"], "image/png");
    assert.match(answer.headers()["content-security-policy"], /sandbox/);
    const { commit } = (await stage.ticket(key)).gates.find((it) => it.id === "final_validation");
    for (const [what, other] of [
      ["text", address.replace(/path=.*/, "path=greeting%2Etxt")],
      ["no file", address.replace(/path=.*/, "path=none%2Epng")],
      ["a way out", address.replace(/path=.*/, "path=..%2F..%2Fetc%2Fpasswd")],
      ["another commit", address.replace(/pictures\/[0-9a-f]+/, "pictures/HEAD")],
      ["an option", address.replace(/pictures\/[0-9a-f]+/, "pictures/--help")],
    ])
      assert.equal((await page.request.get(other)).status(), 404, `${what} of ${commit}`);
    assert.deepEqual(complaints, []);
    await close();
  });

  story("a file that was viewed stays folded in this browser", async (stage) => {
    const { page, close } = await stage.person();
    await page.goto("/tickets/HB-2/packets/first_validation/diff");
    await page.locator("[data-viewed]").first().check();
    assert.match(await page.locator(".viewed-count").innerText(), /^1 of/);
    await page.reload();
    assert.equal(await page.locator(".diff-file").first().getAttribute("open"), null);
    await close();
  });
}
