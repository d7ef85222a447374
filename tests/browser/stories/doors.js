// Doors stay closed to other hosts, other origins and forged forms, on pages, streams and the API.
import assert from "node:assert/strict";
import { request } from "node:http";

/** Sends a request with any header, `Host` included; returns the status. */
function ask(stage, { method = "GET", path, headers = {}, body = "" }) {
  const { hostname, port, host } = new URL(stage.url);
  return new Promise((done, failed) => {
    const sent = request({ hostname, port, method, path, headers: { host, ...headers } }, (answer) => {
      done({ status: answer.statusCode, headers: answer.headers });
      answer.destroy();
    });
    sent.on("error", failed);
    sent.end(body);
  });
}

export function doors(story) {
  story("another host, another origin and a forged form are refused on pages, streams and the API", async (stage) => {
    const key = await stage.planned("Doors: not from elsewhere");
    const { page, context, close } = await stage.person();
    const cookie = (await context.cookies()).map((it) => `${it.name}=${it.value}`).join("; ");
    const refused = (answer, what) => assert.ok([400, 403, 421].includes(answer.status), `${what}: ${answer.status}`);
    for (const path of ["/needs-you", "/live?page=board", "/api/v1/events", "/api/v1/tickets", "/assets/mission.css"]) {
      refused(await ask(stage, { path, headers: { host: "evil.example", cookie } }), `${path} for another host`);
      refused(await ask(stage, { path, headers: { host: `evil.example:${new URL(stage.url).port}`, cookie } }), `${path} rebound`);
      refused(await ask(stage, { path, headers: { origin: "https://evil.example", cookie } }), `${path} from another origin`);
    }
    const form = { "content-type": "application/x-www-form-urlencoded", cookie };
    const body = "verdict=pass&gate=plan&csrf=0123456789abcdef0123456789abcdef";
    refused(await ask(stage, { method: "POST", path: `/tickets/${key}/verdict`, headers: { ...form, origin: stage.url }, body }), "a forged form");
    refused(await ask(stage, { method: "POST", path: `/api/v1/tickets/${key}/park`, headers: { "content-type": "application/json", cookie }, body: "{}" }), "a change without an origin");
    refused(await ask(stage, { method: "POST", path: `/api/v1/tickets/${key}/park`, headers: { "content-type": "application/json", cookie, origin: "https://evil.example" }, body: "{}" }), "a change from another origin");
    assert.equal((await stage.ticket(key)).gates[0].signoffs.length, 0);
    await page.goto("/needs-you");
    await close();
  });

  story("no page asks anybody but this server, and no script or style stands inline", async (stage) => {
    const { page, complaints, close } = await stage.person();
    const elsewhere = [];
    page.on("request", (it) => new URL(it.url()).origin !== stage.url && elsewhere.push(it.url()));
    for (const path of ["/needs-you", "/board", "/tickets/HB-2", "/tickets/HB-2/packets/design_signoff", "/fleet"]) {
      const answer = await page.goto(path);
      const policy = answer.headers()["content-security-policy"];
      assert.match(policy, /default-src 'none'/);
      assert.doesNotMatch(policy, /unsafe/);
      assert.equal(await page.locator("script:not([src]), style, [style], [onclick]").evaluateAll((all) => all.filter((it) => !it.matches(".frame")).length), 0, path);
    }
    assert.deepEqual(elsewhere, []);
    assert.deepEqual(complaints, []);
    await close();
  });

  story("a stranger is led to the sign-in, and a used link says so", async (stage) => {
    const link = await stage.link();
    const first = await stage.person({}, link);
    assert.match(first.page.url(), /needs-you/);
    const second = await stage.person({}, link);
    assert.match(await second.page.locator("[role=alert]").innerText(), /used/);
    await Promise.all([first.close(), second.close()]);
  });
}
