/** The status page in a real browser, with a fake appliance behind it: what it does. */
import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import type { InflightRequest } from "../../src/appliance/appliance_api.ts";
import { waitFor } from "../support/process.ts";
import { skippable } from "../support/skip.ts";
import { artefactPath } from "./artefacts.ts";
import { HOSTILE_NAMES } from "./big_status.ts";
import { launchBrowser, withPage } from "./browser.ts";
import { FakeServer } from "./fake_server.ts";
import { bucketsAt, metricsOf } from "./made_metrics.ts";
import { assertClean, big, hostile, PATIENCE_MS, withScene } from "./scene.ts";

const LOST_PATH_MS = 2000;

async function hostileNames(browser: Browser): Promise<void> {
  const scene = hostile();
  scene.closeMapping(0);
  scene.losePath(1, 0);
  await withScene(browser, scene, {}, async (watched, server) => {
    const { page } = watched;
    server.tell("error", HOSTILE_NAMES[0]!, { [HOSTILE_NAMES[1]!]: HOSTILE_NAMES[4]! });
    const names = page.locator("#mappings button.name");
    await names.first().waitFor({ timeout: PATIENCE_MS });
    assert.equal(await names.count(), 25);
    assert.equal(await names.nth(0).textContent(), HOSTILE_NAMES[0]);
    assert.equal(await names.nth(4).textContent(), "invoice\\u{202e}gpj.exe");
    await page.locator("#attention button").first().click();
    await page.locator(".explanation .summary").waitFor({ timeout: PATIENCE_MS });
    assert.equal(await page.locator(".explanation code").innerText(), "rnbd-appliance apply");
    assert.match(await page.locator("#details-title").innerText(), /^Mapping <img src=x/);
    assert.equal(await page.locator("img, main script, svg[onload]").count(), 0);
    assert.equal(await page.evaluate("globalThis.hacked"), undefined);
    await page.screenshot({ path: artefactPath("hostile.png") });
    assertClean(watched);
  });
}

async function manyMappings(browser: Browser): Promise<void> {
  const MEASURED_MS = 5000;
  const scene = big();
  await withScene(browser, scene, {}, async (watched, server) => {
    const { page } = watched;
    // Every mapping was read and written: 58,000 lines.
    const names = scene.base.mappings.map(({ name }) => [name, bucketsAt(7, 100)] as const);
    server.metrics = metricsOf(Object.fromEntries(names), ["read", "write"]);
    assert.ok(server.metrics.split("\n").length > 58_000);
    const rows = page.locator("#mappings tbody tr");
    const first = page.locator("#mappings button.name").first();
    await first.waitFor({ timeout: PATIENCE_MS });
    assert.equal(await rows.count(), 25);
    const session = await page.context().newCDPSession(page);
    await session.send("Performance.enable");
    const busySeconds = async () => {
      const { metrics } = await session.send("Performance.getMetrics");
      return metrics.find(({ name }) => name === "TaskDuration")!.value;
    };
    const before = { busy: await busySeconds(), asked: server.statusRequests };
    await page.waitForTimeout(MEASURED_MS);
    const share = (await busySeconds() - before.busy) / (MEASURED_MS / 1000);
    assert.ok(share < 0.25, `the page keeps its thread busy for ${(share * 100).toFixed(0)} %`);
    const asked = server.statusRequests - before.asked;
    assert.ok(asked >= 3 && asked <= 7, `asked ${asked} times in 5 s`);
    assert.ok(await page.evaluate<number>("document.querySelectorAll('*').length") < 3000);

    await page.getByLabel("Mappings: next page").click();
    assert.equal(await first.textContent(), "vm-0026");
    await page.getByLabel("Mappings: rows on a page").selectOption("100");
    assert.equal(await rows.count(), 100);
    await page.getByLabel("Mappings: filter").fill("store-03 vm-0099");
    assert.equal(await rows.count(), 1);
    assert.equal(await first.textContent(), "vm-0099");
    assert.match(await page.locator("#mappings output").innerText(), /1–1 of 1 found of 1,000/);
    await page.getByLabel("Mappings: filter").fill("nothing like it");
    await page.locator("#mappings").getByText("Nothing matches the filter.").waitFor();
    await page.getByLabel("Mappings: filter").fill("");
    await page.getByRole("button", { name: "Name", exact: true }).click();
    await page.getByRole("button", { name: "Name", exact: true }).click();
    assert.equal(await first.textContent(), "vm-1000");
    assert.equal(await page.locator("#mappings [aria-sort=descending]").innerText(), "Name");
    assertClean(watched);
  });
}

/** The order holds while the pointer or the focus is in the table. */
async function orderHolds(browser: Browser): Promise<void> {
  const scene = big();
  await withScene(browser, scene, {}, async ({ page }) => {
    const first = page.locator("#mappings button.name").first();
    await first.waitFor({ timeout: PATIENCE_MS });
    await page.locator("#mappings").getByRole("button", { name: "State" }).click();
    assert.equal(await first.textContent(), "vm-0001");
    await first.focus();
    scene.closeMapping(8);
    await page.getByText("Mapping vm-0009 is closed").first().waitFor({ timeout: PATIENCE_MS });
    assert.equal(await first.textContent(), "vm-0001");
    await page.locator("#mappings input").focus();
    const hasMoved = async () => await first.textContent() === "vm-0009";
    await waitFor(hasMoved, PATIENCE_MS, "the closed mapping to come first");
  });
}

async function lostPath(browser: Browser): Promise<void> {
  for (const isTold of [true, false]) {
    const scene = big();
    await withScene(browser, scene, {}, async (watched, server) => {
      const { page } = watched;
      await page.getByText("Nothing needs attention").first().waitFor({ timeout: PATIENCE_MS });
      const text = "Path ip:192.0.2.101,ip:198.51.3.11 of session store-04 is disconnected";
      const startMs = performance.now();
      scene.losePath(3, 1);
      if (isTold) server.tell("warn", "path lost", { sessname: "store-04" });
      await page.locator("#attention").getByText(text).waitFor({ timeout: LOST_PATH_MS });
      const tookMs = performance.now() - startMs;
      assert.ok(tookMs < LOST_PATH_MS, `after ${tookMs.toFixed(0)} ms`);
      assert.match(await page.locator("#announcement").textContent() ?? "", /store-04/);
      assert.equal(await page.locator("#sessions [data-mood=bad]").count(), 1);
      assert.match(await page.title(), /^\(1\) hypervisor-7/);
      assertClean(watched);
    });
  }
}

/** Asked for while it is open, and not before or after. */
async function requestsInFlight(browser: Browser): Promise<void> {
  await withScene(browser, big(), {}, async (watched, server) => {
    const { page } = watched;
    const request: InflightRequest = {
      side: "client",
      device: HOSTILE_NAMES[0]!,
      sessname: "store-01",
      path: "",
      reactor: 1,
      slot: 77,
      operation: "write_zeroes",
      offset_bytes: 1_048_576,
      length_bytes: 4096,
      age_us: 1_250_000,
    };
    server.requests = [request, { ...request, slot: 78, age_us: 40, operation: "read" }];
    const asked: string[] = [];
    page.on("request", (each) => asked.push(new URL(each.url()).pathname));
    const summary = page.getByText("Requests in flight, the oldest first");
    await page.locator("#mappings button.name").first().waitFor({ timeout: PATIENCE_MS });
    assert.ok(!asked.includes("/v1/inflight"));
    await summary.click();
    const rows = page.locator("#inflight tbody tr");
    await rows.nth(1).waitFor({ timeout: PATIENCE_MS });
    const text = (await rows.first().innerText()).replaceAll(/\s+/g, " ");
    assert.match(
      text,
      /^1.25 s write zeroes <img src=x onerror=alert\(1\)> store-01 waits for one/,
    );
    server.requests = [];
    await page.getByText("No request waits for its answer.").waitFor({ timeout: PATIENCE_MS });
    await summary.click();
    assertClean(watched);
  });
}

async function awayAndBack(browser: Browser): Promise<void> {
  const scene = big();
  const server = new FakeServer(scene.read);
  await withPage(browser, server.url, {}, async ({ page }) => {
    await page.getByText(/^Live/).waitFor({ timeout: PATIENCE_MS });
    await server[Symbol.asyncDispose]();
    const away = page.locator("#away");
    await away.waitFor({ timeout: PATIENCE_MS });
    assert.match(await away.innerText(), /cannot be reached\. No answer since \d/);
    assert.match(await page.title(), /^\(no answer\)/);
    assert.match(await page.locator("#attention").innerText(), /not known: it does not answer/);
    await page.screenshot({ path: artefactPath("away.png") });

    // Started again: another process, whose counters begin at nothing.
    scene.base = { ...scene.base, pid: 4712, uptime_ms: 0 };
    await using again = new FakeServer(scene.read, server.port);
    again.isStarting = true;
    await page.getByText("The appliance is starting; try again").waitFor({ timeout: PATIENCE_MS });
    again.isStarting = false;
    again.tell("info", "appliance started");
    await away.waitFor({ state: "hidden", timeout: PATIENCE_MS });
    await page.locator("#events").getByText("appliance started").waitFor({ timeout: PATIENCE_MS });
    assert.match(await page.locator("#attention").innerText(), /^Nothing needs attention/);
  });
}

skippable("status page in a browser", async (t) => {
  const browser = await launchBrowser();
  try {
    await t.step("names of other machines are text and nothing else", () => hostileNames(browser));
    await t.step(
      "1,000 mappings: a page of them, filtered, sorted, at ease",
      () => manyMappings(browser),
    );
    await t.step("rows stay under the pointer and the focus", () => orderHolds(browser));
    await t.step("a lost path shows within 2 s, told of or not", () => lostPath(browser));
    await t.step("requests in flight, on demand", () => requestsInFlight(browser));
    await t.step("an appliance that is away, and back", () => awayAndBack(browser));
  } finally {
    await browser.close();
  }
});
