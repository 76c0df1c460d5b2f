/** The status page of a real node, with a real server at the other end, in a real browser. */
import assert from "node:assert/strict";
import type { Browser, Page } from "playwright-core";
import { type Appliance, startAppliance } from "../support/appliance.ts";
import { clientConfig, type PairOptions, serverConfig } from "../support/pair.ts";
import { freePort, waitFor } from "../support/process.ts";
import { skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { axeViolations } from "./accessibility.ts";
import { artefactPath } from "./artefacts.ts";
import { launchBrowser, type WatchedPage, withPage } from "./browser.ts";

const LOST_PATH_MS = 2000;
const PATIENCE_MS = 15_000;
/** Ended early when all was seen. */
const LOAD_MS = 120_000;

const OPTIONS: PairOptions = {
  disks: [
    { name: "alpha", backend: "memory", sizeBytes: 16 * 2 ** 20 },
    { name: "beta", backend: "memory", sizeBytes: 16 * 2 ** 20 },
  ],
};

/** Asks a running appliance over its control socket to do something. */
async function post(
  appliance: Appliance,
  path: string,
  body: unknown,
  signal?: AbortSignal,
): Promise<unknown> {
  const { ok, status, text } = await appliance.request("POST", path, body, signal);
  assert.ok(ok, `${path}: ${status} ${text}`);
  return JSON.parse(text);
}

/** Number in front of a unit, as the page writes rates (`12.3 k`). */
function rateOf(text: string): number {
  const found = /^([\d.,]+) ?([kM]?)/.exec(text);
  if (found === null) return NaN;
  const unit = { "": 1, k: 1000, M: 1e6 }[found[2]!]!;
  return Number(found[1]!.replaceAll(",", "")) * unit;
}

const chartValue = async (page: Page, title: string, line: number) => {
  const chart = page.locator("#charts figure").filter({ hasText: title });
  return await chart.locator(".value").nth(line).innerText();
};

/** IOPS that the table says of a mapping. */
async function tableIops(page: Page, name: string): Promise<number> {
  const row = page.locator("#mappings tbody tr").filter({ hasText: name });
  return rateOf(await row.locator("td").nth(6).innerText());
}

const problem = (page: Page, text: string | RegExp) =>
  page.locator("#attention").getByText(text).first();

async function valuesUnderLoad({ page }: WatchedPage, client: Appliance): Promise<void> {
  await problem(page, /Nothing needs attention: 2 mappings open, 1 session connected/)
    .waitFor({ timeout: PATIENCE_MS });
  const request = { rw: "randread", block_bytes: 4096, iodepth: 8, runtime_ms: LOAD_MS };
  const ending = new AbortController();
  const load = post(client, "/v1/mappings/alpha/bench", request, ending.signal).catch(() => {});
  try {
    await watchLoad(page);
  } finally {
    ending.abort();
    await load;
  }
  await waitFor(async () => await tableIops(page, "alpha") === 0, PATIENCE_MS, "the load to end");
}

async function watchLoad(page: Page): Promise<void> {
  await waitFor(async () => await tableIops(page, "alpha") > 100, PATIENCE_MS, "IOPS of alpha");
  assert.equal(await tableIops(page, "beta"), 0);
  const seen = new Set<string>();
  const hasChanged = async () => {
    seen.add(await chartValue(page, "IOPS", 0));
    return [...seen].filter((text) => rateOf(text) > 100).length >= 3;
  };
  await waitFor(hasChanged, PATIENCE_MS, "three different values in the chart of IOPS");
  assert.match(await chartValue(page, "Throughput", 0), /^[\d.]+ [KMG]iB\/s$/);
  const hasLatency = async () => /^[\d.]+ (µs|ms)$/.test(await chartValue(page, "Latency", 0));
  await waitFor(hasLatency, PATIENCE_MS, "a latency in the chart");
  await page.screenshot({ path: artefactPath("live-load.png") });
  await page.locator("#mappings").getByRole("button", { name: "alpha" }).click();
  const reads = page.locator("#details-body tbody tr").first();
  const text = await reads.innerText();
  assert.match(text, /^read\s+[\d,]{4,}/);
  await page.screenshot({ path: artefactPath("live-details.png") });
  await page.keyboard.press("Escape");
}

/** Does `lose`, and measures until the page says that the session is away. */
async function showsLoss(page: Page, how: string, lose: () => unknown): Promise<void> {
  const startMs = performance.now();
  const lost = lose();
  await problem(page, /Session pair is disconnected: 2 mappings closed/)
    .waitFor({ timeout: PATIENCE_MS });
  const tookMs = performance.now() - startMs;
  assert.ok(tookMs < LOST_PATH_MS, `${how}: seen after ${tookMs.toFixed(0)} ms`);
  assert.equal(await page.locator("#sessions [data-mood=bad]").innerText(), "disconnected");
  await lost;
}

async function lostPaths(
  { page }: WatchedPage,
  client: Appliance,
  restartServer: () => Promise<void>,
  killServer: () => Promise<unknown>,
): Promise<void> {
  const isWell = () => problem(page, /Nothing needs attention/).waitFor({ timeout: PATIENCE_MS });
  await isWell();
  await showsLoss(page, "disconnect", () => post(client, "/v1/sessions/pair/disconnect", {}));
  await post(client, "/v1/sessions/pair/reconnect", {});
  await isWell();
  await showsLoss(page, "kill", killServer);
  await page.locator("#events tbody tr").first().waitFor({ timeout: PATIENCE_MS });
  await page.getByRole("button", { name: /^Explain: Session pair/ }).click();
  await page.locator(".explanation .summary").waitFor({ timeout: PATIENCE_MS });
  assert.match(await page.locator(".explanation").innerText(), /What to do/);
  await page.screenshot({ path: artefactPath("live-explained.png") });
  assert.deepEqual(await axeViolations(page), []);
  await page.keyboard.press("Escape");
  await restartServer();
  await isWell();
}

async function serverSide(browser: Browser, url: string): Promise<void> {
  await withPage(browser, url, { colorScheme: "dark" }, async (watched) => {
    const { page } = watched;
    await page.locator("#exports tbody tr").nth(1).waitFor({ timeout: PATIENCE_MS });
    assert.match(await page.locator("#exports tbody").first().innerText(), /pair \(rw\)/);
    assert.equal(await page.getByLabel("Charts show").inputValue(), "exports");
    assert.deepEqual(await axeViolations(page), []);
    await page.screenshot({ path: artefactPath("live-server.png") });
    assert.deepEqual(watched.foreignRequests, []);
    assert.deepEqual(watched.complaints, []);
  });
}

skippable("status page of a real pair", async (t) => {
  const browser = await launchBrowser();
  try {
    await using directory = await temporaryDirectory();
    await Deno.mkdir(`${directory.path}/images`);
    const [port, clientPort, serverPort] = [freePort(), freePort(), freePort()];
    const withHttp = (config: string, port: number) =>
      `${config}\n[control]\nhttp = "127.0.0.1:${port}"\n`;
    const start = (name: string, config: string) =>
      startAppliance({ config, directory: directory.path, name });
    const startServer = () =>
      start("server", withHttp(serverConfig(directory.path, port, OPTIONS), serverPort));
    let server = await startServer();
    try {
      await using client = await start(
        "client",
        withHttp(clientConfig(directory.path, port, OPTIONS), clientPort),
      );
      const url = `http://127.0.0.1:${clientPort}/`;
      await withPage(browser, url, {}, async (watched) => {
        await t.step("values change under load", () => valuesUnderLoad(watched, client));
        await t.step("a lost path shows within 2 s, with its explanation", () =>
          lostPaths(
            watched,
            client,
            async () => {
              server = await startServer();
            },
            () => server.kill("SIGKILL"),
          ));
        await t.step("nothing failed, nothing came from elsewhere", () => {
          assert.deepEqual(watched.foreignRequests, []);
          assert.deepEqual(watched.complaints, []);
        });
      });
      const serverUrl = `http://127.0.0.1:${serverPort}/`;
      await t.step("the server's page", () => serverSide(browser, serverUrl));
    } finally {
      await server.stop();
    }
  } finally {
    await browser.close();
  }
});
