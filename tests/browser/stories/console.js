// The console of a lane: opened, followed, searched, taken over and given back; a viewer only looks.
import assert from "node:assert/strict";
import { readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { until } from "../stage.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe finds on the page as it is, in both themes at three widths; and what is wider than the window. */
async function wrongs(page) {
  await page.evaluate(AXE);
  const wrong = [];
  for (const width of [1440, 900, 390])
    for (const colorScheme of ["light", "dark"]) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      const found = await page.evaluate(async () => {
        const { violations } = await axe.run(document, { resultTypes: ["violations"] });
        return violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.target.join(" ")}`));
      });
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      wrong.push(...found.map((it) => `${width} ${colorScheme}: ${it}`), ...(wide > 0 ? [`${width}: ${wide} px wider`] : []));
    }
  await page.setViewportSize({ width: 1440, height: 900 });
  return [...new Set(wrong)];
}

/** The attempt that holds a ticket, once its program runs. */
const running = (stage, key) =>
  until(`an attempt of ${key} runs`, async () => {
    const { attempts } = await stage.api(`/attempts?ticket=${key}`);
    return attempts.find((it) => it.pid && it.state !== "ended");
  });

/** What an attempt printed, as its log tells it. */
const printed = async (stage, id) => (await fetch(`${stage.url}/api/v1/attempts/${id}/log`, { headers: { authorization: `Bearer ${stage.token}` } })).text();

const text = (page) => page.locator(".console-view .xterm-rows").innerText();
const shows = (page, what) => until(`the terminal shows ${what}`, async () => (await text(page)).includes(what));
const told = async (stage, key) => (await stage.api(`/events?ticket=${key}&limit=1000`)).events.map((it) => [it.type, it.principal]);

/** Opens a ticket's page and its terminal. */
async function opens(page, key, id) {
  await page.goto(`/tickets/${key}`);
  await page.locator("#link-state[data-link=live]").waitFor();
  await page.click(`[data-console="${id}"]`);
  await page.locator(".console-view .xterm-rows").waitFor();
}

/** Signs a viewer in. */
async function viewer(stage, owner, name) {
  await owner.page.goto("/settings");
  await owner.page.fill('form[action="/settings/invite"] [name=name]', name);
  await owner.page.selectOption("#invite-role", "viewer");
  await owner.page.click("text=Make the link");
  const link = new URL(await owner.page.locator(".made code").innerText());
  return stage.person({}, new URL(link.pathname + link.search, stage.url).href);
}

export function console(story) {
  story("a console is opened, follows, finds, is taken over, takes a line, and is given back, all on record", async (stage) => {
    const key = await stage.files("Console: a lane with a terminal", { workflow: "seen" });
    const { id } = await running(stage, key);
    const ada = await stage.person();
    const { page, context, complaints } = ada;
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    const asked = [];
    page.on("request", (it) => asked.push(new URL(it.url()).pathname));
    await page.goto(`/tickets/${key}`);
    await page.locator("#link-state[data-link=live]").waitFor();
    assert.deepEqual(asked.filter((it) => it.includes("xterm")), [], "nothing of the terminal comes with the page");
    await page.click(`[data-console="${id}"]`);
    await shows(page, "ready for a line");
    await shows(page, "tick 3");
    assert.ok(asked.some((it) => it.includes("xterm")));
    // The command that attaches from a shell is copied, which is said beside it and aloud; and so is that nothing was.
    const command = page.locator("#console .attach [data-copy]");
    await command.click();
    await page.locator("#console .copied", { hasText: /^Copied$/ }).waitFor();
    assert.equal(await page.locator("#said").textContent(), "Copied");
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await command.getAttribute("data-copy"));
    await page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined, configurable: true }));
    await command.click();
    await page.locator("#console .copied", { hasText: "does not let a page copy here" }).waitFor();
    assert.match(await page.locator("#said").textContent(), /does not let a page copy here/);
    // Read only: what is pressed goes nowhere.
    await page.locator(".console-view textarea").focus();
    await page.keyboard.type("too early\n");
    await page.fill("[data-find]", "ready");
    await until("a match is told", async () => /1 of \d+/.test(await page.locator("[data-found]").innerText()));
    await page.fill("[data-find]", "no such word");
    await until("no match is told", async () => (await page.locator("[data-found]").innerText()) === "not found");
    await page.fill("[data-find]", "");
    // The page changes under the open terminal, which stays.
    const rows = await page.locator(".console-view .xterm-rows").elementHandle();
    await stage.api(`/tickets/${key}/comment`, { text: "something else happens" });
    await page.locator("#activity", { hasText: "something else happens" }).waitFor();
    assert.ok(await rows.evaluate((it) => it.isConnected));
    await page.click("[data-hand]");
    await page.locator(".console-host[data-mine]").waitFor();
    await page.locator("#console header", { hasText: "has it" }).waitFor();
    await page.keyboard.type("hello lane\n");
    await shows(page, "got <hello lane>");
    assert.ok(!(await text(page)).includes("too early"));
    assert.deepEqual(await wrongs(page), []);
    // The way out of the terminal by keys alone.
    await page.keyboard.press("F6");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Give back");
    await page.keyboard.press("Enter");
    await page.locator("[data-hand]", { hasText: "Take over" }).waitFor();
    const acts = (await told(stage, key)).filter(([type]) => ["took_over", "gave_back"].includes(type));
    assert.deepEqual(acts.map(([type]) => type), ["took_over", "gave_back"]);
    assert.ok(acts.every(([, who]) => who.startsWith("person:")), String(acts));
    // Who goes away gives back.
    await page.click("[data-hand]");
    await page.locator(".console-host[data-mine]").waitFor();
    await page.goto("/board");
    await until("it is given back", async () => (await stage.api(`/attempts/${id}`)).held_by === null);
    assert.deepEqual(complaints, []);
    await ada.close();
    await stage.api(`/tickets/${key}/cancel`, { reason: "it was looked at" });
  });

  story("a viewer sees the console and cannot take it over, and a recording is there in the end", async (stage) => {
    const key = await stage.files("Console: only looked at", { workflow: "seen" });
    const { id } = await running(stage, key);
    const ada = await stage.person();
    const vera = await viewer(stage, ada, "vera-looks");
    await vera.context.grantPermissions(["clipboard-read", "clipboard-write"]);
    // From the fleet a tile leads to the terminal.
    await vera.page.goto("/fleet");
    await vera.page.locator(".tile", { hasText: key }).locator("a", { hasText: "Terminal" }).click();
    await shows(vera.page, "tick 3");
    const copied = vera.page.locator("[data-copied]");
    await vera.page.click("[data-copy-all]");
    await until("it is copied", async () => (await vera.page.evaluate(() => navigator.clipboard.readText())).includes("tick 3"));
    assert.equal(await copied.innerText(), "Copied");
    await until("the word goes", async () => (await copied.innerText()) === "");
    await vera.page.evaluate(() => Object.defineProperty(navigator, "clipboard", { value: undefined }));
    await vera.page.click("[data-copy-all]");
    await until("it is said that nothing was copied", async () => (await copied.innerText()).includes("does not let a page copy here"));
    await vera.page.click("[data-full]");
    assert.ok(await vera.page.locator(".console-host[data-filled]").isVisible());
    await vera.page.keyboard.press("Escape");
    await vera.page.locator(".console-host:not([data-filled])").waitFor();
    assert.ok(await vera.page.locator("[data-hand]").isHidden());
    assert.match(await vera.page.locator("[data-note]").innerText(), /Read only/);
    // Not through the back door either.
    const refused = await vera.page.evaluate(
      (id) =>
        new Promise((done) => {
          const socket = new WebSocket(`ws://${location.host}/api/v1/attempts/${id}/console`);
          socket.onopen = () => socket.send(JSON.stringify({ type: "take_over" }));
          socket.onmessage = ({ data }) => typeof data === "string" && JSON.parse(data).type === "refused" && done(JSON.parse(data).code);
        }),
      id,
    );
    assert.equal(refused, "viewer");
    assert.deepEqual(vera.complaints, []);
    await vera.close();
    await stage.api(`/tickets/${key}/cancel`, { reason: "it was looked at" });
    const digest = await until("its recording is kept", async () => (await stage.api(`/attempts/${id}`)).recording);
    assert.match(digest, /^sha256:/);
    await ada.page.goto(`/tickets/${key}`);
    const download = ada.page.waitForEvent("download");
    await ada.page.locator(`a[download="${id}.cast"]`).first().click();
    const lines = (await (await (await download).createReadStream()).toArray()).join("").trimEnd().split("\n").map((it) => JSON.parse(it));
    assert.equal(lines[0].version, 2);
    assert.ok(lines.slice(1).some(([, kind, data]) => kind === "o" && data.includes("tick 3")));
    await ada.close();
  });

  story("a lane without a terminal gets its lines as messages, and loses nobody who holds it when the server is killed", async (stage) => {
    const key = await stage.files("Console: a lane of lines", { workflow: "slow" });
    const { id } = await running(stage, key);
    const { page, close } = await stage.person();
    await opens(page, key, id);
    await shows(page, "line 1");
    assert.ok(await page.locator("[data-line]").isHidden());
    await page.click("[data-hand]");
    await page.locator("[data-line]").waitFor();
    await page.keyboard.type("please hurry\n");
    const message = await until("it is a message", async () => (await stage.api(`/messages?ticket=${key}`)).messages.find((it) => it.body === "please hurry"));
    assert.equal(message.to, "slow");
    // kill -9: the session is given back, and the terminal goes on where it was.
    await stage.kill();
    await page.locator("[data-note]", { hasText: "Not connected" }).waitFor();
    await stage.up();
    await page.locator("[data-hand]", { hasText: "Take over" }).waitFor();
    await until("it is given back", async () => (await stage.api(`/attempts/${id}`)).held_by === null);
    const before = Number((await text(page)).match(/line (\d+)\s*$/)?.[1] ?? 0);
    await shows(page, `line ${before + 3}`);
    const lines = (await text(page)).match(/line \d+/g);
    assert.deepEqual(lines, [...new Set(lines)], "no line is shown twice");
    const acts = (await told(stage, key)).filter(([type]) => ["took_over", "gave_back"].includes(type));
    assert.deepEqual(acts.map(([type, who]) => `${type} ${who.split(":")[0]}`), ["took_over person", "gave_back controller"]);
    await close();
    await stage.api(`/tickets/${key}/cancel`, { reason: "it was looked at" });
  });

  story("what an earlier attempt wrote is read on the page, and one whose journal has gone says so", async (stage) => {
    const key = await stage.files("Console: an attempt that died", { workflow: "slow" });
    const first = await running(stage, key);
    await until("it printed", async () => (await printed(stage, first.id)).includes("line 3"));
    process.kill(first.pid, "SIGKILL");
    await until("it has ended", async () => (await stage.api(`/attempts/${first.id}`)).ended_at);
    const second = await running(stage, key);
    assert.notEqual(second.id, first.id);
    const { page, context, complaints, close } = await stage.person();
    await context.grantPermissions(["clipboard-read", "clipboard-write"]);
    await page.goto(`/tickets/${key}`);
    await page.locator("#link-state[data-link=live]").waitFor();
    const list = page.locator("#console .earlier");
    await list.locator("summary").click();
    await list.locator("li", { hasText: first.id }).locator("a", { hasText: "Terminal" }).click();
    await shows(page, "line 3");
    const note = page.locator("[data-note]");
    await until("it is said that it has ended", async () => /^Ended \d\d:\d\d · this is what it wrote$/.test(await note.innerText()));
    assert.ok(await page.locator("[data-hand]").isHidden());
    assert.ok(await page.locator("[data-interrupt]").isHidden());
    await page.click("[data-copy-all]");
    const wrote = (await printed(stage, first.id)).trim().replaceAll("\r", "");
    await until("it is copied", async () => (await page.evaluate(() => navigator.clipboard.readText())).includes("line 3"));
    assert.deepEqual((await page.evaluate(() => navigator.clipboard.readText())).match(/line \d+/g), wrote.match(/line \d+/g));
    await page.fill("[data-find]", "line 3");
    await until("it is found", async () => /1 of \d+/.test(await page.locator("[data-found]").innerText()));
    await page.fill("[data-find]", "");
    // What happens to the ticket brings no other attempt's terminal in its place.
    await stage.api(`/tickets/${key}/comment`, { text: "something else happens" });
    await page.locator("#activity", { hasText: "something else happens" }).waitFor();
    assert.ok(await page.locator(`#terminal-${first.id} .xterm-rows`).isVisible());
    assert.deepEqual(await wrongs(page), []);
    await page.locator("#console a", { hasText: "The newest" }).click();
    await page.locator(`[data-console="${second.id}"]`).waitFor();
    rmSync(join(stage.home, "lanes", first.id, "journal"));
    await page.goto(`/tickets/${key}?attempt=${first.id}`);
    await page.locator("#console", { hasText: `What ${first.id} printed is not kept here any more` }).waitFor();
    assert.equal(await page.locator("[data-terminal]").count(), 0);
    assert.equal((await page.goto(`/tickets/${key}?attempt=A-99999`)).status(), 404);
    assert.deepEqual(complaints.filter((it) => !it.includes("404")), []);
    await close();
    await stage.api(`/tickets/${key}/cancel`, { reason: "it was looked at" });
  });

  story("a screen that is drawn anew without end leaves the page quick, and what flies past is passed over", async (stage) => {
    const key = await stage.files("Console: a busy screen", { workflow: "busy" });
    const { id } = await running(stage, key);
    const { page, complaints, close } = await stage.person();
    let pass;
    await page.routeWebSocket(/\/console/, (ws) => {
      const server = ws.connectToServer();
      ws.onMessage((it) => server.send(it));
      server.onMessage((it) => ws.send(it));
      pass = () => ws.send(JSON.stringify({ type: "skipped", from: 0, to: 257_200_000 }));
    });
    await opens(page, key, id);
    await shows(page, "frame");
    // What was passed over is told beside who may type, and is forgotten with the terminal.
    pass();
    await page.locator("[data-passed]", { hasText: "257.2 MB before this were passed over" }).waitFor();
    assert.match(await page.locator("[data-note]").innerText(), /Read only/);
    const longest = await page.evaluate(
      () =>
        new Promise((done) => {
          let last = performance.now(), worst = 0, frames = 0;
          const tick = (now) => {
            worst = Math.max(worst, now - last);
            last = now;
            if (++frames < 120) requestAnimationFrame(tick);
            else done(worst);
          };
          requestAnimationFrame(tick);
        }),
    );
    globalThis.console.log(`# longest pause between two frames of the page under a busy screen: ${Math.round(longest)} ms`);
    await page.click("[data-close]");
    assert.ok(await page.locator(`#terminal-${id}`).isHidden());
    assert.equal(await page.locator("[data-passed]").textContent(), "");
    assert.deepEqual(complaints, []);
    await close();
    await stage.api(`/tickets/${key}/cancel`, { reason: "it was looked at" });
  });

  story("without scripts the page has the plain output and the recording, and no terminal", async (stage) => {
    const key = await stage.files("Console: without scripts", { workflow: "seen" });
    const { id } = await running(stage, key);
    const { page, close } = await stage.person({ javaScriptEnabled: false });
    await until("the output is there", async () => {
      await page.goto(`/tickets/${key}`);
      return (await page.locator(`#screen-${id}`).innerText()).includes("tick 3");
    });
    assert.ok(await page.locator(`[data-console="${id}"]`).isHidden());
    assert.ok(await page.locator(`a[download="${id}.cast"]`).isVisible());
    await close();
    await stage.api(`/tickets/${key}/cancel`, { reason: "it was looked at" });
  });
}
