/** A node with 1,000 mappings: the size of the text and the time to write it stay in proportion. */
import assert from "node:assert/strict";
import { MetricsText } from "../../src/appliance/metrics/metrics_text.ts";
import { IO_OPERATIONS } from "../../src/appliance/status.ts";
import { parseExposition } from "./exposition.ts";
import { count, largeStatus, newLedger, PROCESS } from "./samples.ts";

const SESSIONS = 16;
/** Mappings whose reads and writes have all been used: the usual worst case. */
function render(mappings: number): { text: string; renderMs: number } {
  const { memory, ledger } = newLedger();
  const status = largeStatus(mappings, SESSIONS);
  for (const { name } of status.mappings) {
    const account = ledger.open(name);
    for (const operation of [0, 1]) count(memory, account, 0, operation, 7, 1000);
  }
  const metrics = new MetricsText();
  const times: number[] = [];
  let text = "";
  for (let round = 0; round < 5; round++) {
    const before = performance.now();
    const disks = ledger.histograms();
    text = metrics.render({ status, process: PROCESS, mappings: disks, exports: [], paths: [] });
    times.push(performance.now() - before);
  }
  return { text, renderMs: times.sort((a, b) => a - b)[2]! };
}

Deno.test("1,000 mappings take ten times as much as 100, and less than half a second", () => {
  const hundred = render(100);
  const thousand = render(1000);
  assert.ok(thousand.text.length < 10 * hundred.text.length * 1.05, "size");
  assert.ok(thousand.text.length < 9_000_000, `${thousand.text.length} bytes`);
  assert.ok(thousand.renderMs < 500, `${thousand.renderMs} ms`);
});

Deno.test("labels are those that are listed, and series a mapping are bounded", () => {
  const { text } = render(1000);
  const perDevice = new Map<string, number>();
  const names = new Set<string>();
  for (const { labels } of parseExposition(text).values()) {
    for (const name of Object.keys(labels)) names.add(name);
    const { device } = labels;
    if (device !== undefined) perDevice.set(device, (perDevice.get(device) ?? 0) + 1);
  }
  const allowed = ["access_mode", "activity", "device", "device_path", "expose", "kind", "le"];
  allowed.push("node", "operation", "origin", "path", "reactor", "reason", "sessname", "version");
  assert.deepEqual([...names].filter((name) => !allowed.includes(name)), []);
  const mostPerDevice = 3 + IO_OPERATIONS.length * (3 + 30);
  for (const [device, series] of perDevice) {
    assert.ok(series <= mostPerDevice, `${device}: ${series}`);
    assert.ok(device === "disk0.img" || series === 3 + 2 * (3 + 30) || series < 10, device);
  }
});

Deno.test("an operation that was never used has no histogram; one that was keeps it", () => {
  const { memory, ledger } = newLedger();
  const account = ledger.open("disk-0");
  const metrics = new MetricsText();
  const operations = () => {
    const status = largeStatus(1, 1);
    const mappings = ledger.histograms();
    const text = metrics.render({ status, process: PROCESS, mappings, exports: [], paths: [] });
    const counts = [...parseExposition(text).values()].filter(({ name }) =>
      name === "rnbd_client_device_request_duration_seconds_count"
    );
    return counts.map(({ labels }) => labels["operation"]);
  };
  assert.deepEqual(operations(), []);
  count(memory, account, 1, 2, 9);
  assert.deepEqual(operations(), ["flush"]);
  ledger.release(account);
  assert.deepEqual(operations(), ["flush"]);
});
