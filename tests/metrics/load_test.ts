/** Under a real load what is measured is what the load did, at the client and at the server. */
import assert from "node:assert/strict";
import type { BenchRequest, RunningAppliance } from "../../src/appliance/appliance_api.ts";
import { parseExposition, type Series } from "./exposition.ts";
import { Nodes } from "./nodes.ts";
import { writeSparseFile } from "../support/temporary.ts";

const MIB = 2 ** 20;
const DISK = { name: "ram", backend: "memory", sizeBytes: 64 * MIB } as const;
const BLOCK_BYTES = 4096;

function load(rw: BenchRequest["rw"], iodepth: number): BenchRequest {
  const fixed = { name: DISK.name, block_bytes: BLOCK_BYTES, runtime_ms: 1000, jobs: 0 };
  return { ...fixed, rw, iodepth, destroy_data: true };
}

/** Adds up a family's series of one operation, over all devices. */
function total(text: string, name: string, operation: string): number {
  return [...parseExposition(text).values()]
    .filter((series) => series.name === name && series.labels["operation"] === operation)
    .reduce((sum, { value }) => sum + value, 0);
}

/** What a load did, according to `side`. */
function counted(node: RunningAppliance, side: "client" | "server", operation: string) {
  const text = node.metrics();
  const prefix = `rnbd_${side}_device_request`;
  return {
    ios: total(text, `${prefix}s_total`, operation),
    bytes: total(text, `${prefix}_bytes_total`, operation),
    errors: total(text, `${prefix}_errors_total`, operation),
  };
}

/** Bounds of the bucket that holds the median, microseconds. */
function medianBounds(text: string, operation: string): [above: number, upTo: number] {
  const isBucket = ({ name, labels }: Series) =>
    name === "rnbd_client_device_request_duration_seconds_bucket" &&
    labels["operation"] === operation;
  const buckets = [...parseExposition(text).values()].filter(isBucket)
    .map(({ labels, value }) => ({ us: Number(labels["le"]) * 1e6, value }));
  const at = buckets.findIndex(({ value }) => value >= buckets.at(-1)!.value / 2);
  return [at === 0 ? 0 : buckets[at - 1]!.us, buckets[at]!.us];
}

/** Some median within these bounds is within a factor of 2 of `us`. */
const agrees = ([above, upTo]: [number, number], us: number) => us * 2 >= above && us / 2 <= upTo;

Deno.test("totals are what the load says it did; no other operation is counted", async () => {
  await using nodes = await Nodes.start({ disks: [DISK], reactors: 2 });
  const reads = await nodes.client.bench(load("randread", 32));
  const writes = await nodes.client.bench(load("write", 4));
  assert.equal(reads.errors + writes.errors, 0);
  for (const [side, node] of [["client", nodes.client], ["server", nodes.server]] as const) {
    for (const [operation, { ios }] of [["read", reads], ["write", writes]] as const) {
      const expected = { ios, bytes: ios * BLOCK_BYTES, errors: 0 };
      assert.deepEqual(counted(node, side, operation), expected, `${side} ${operation}`);
    }
    assert.equal(counted(node, side, "flush").ios, 0);
  }
  const path = "rnbd_client_path_request_duration_seconds_count";
  const text = nodes.client.metrics();
  assert.equal(total(text, path, "read"), reads.ios);
  assert.equal(total(text, path, "write"), writes.ios);
  const [mapping] = nodes.client.status().mappings;
  assert.equal(mapping!.io.read.ios, reads.ios);
  assert.equal(nodes.server.status().exports[0]!.io.write.bytes, writes.ios * BLOCK_BYTES);
});

Deno.test("the median latency is what the load measured, and every request has one", async () => {
  await using nodes = await Nodes.start({ disks: [DISK], reactors: 1 });
  const deep = await nodes.client.bench(load("randread", 32));
  const single = await nodes.client.bench(load("randwrite", 1));
  const text = nodes.client.metrics();
  for (const [operation, result] of [["read", deep], ["write", single]] as const) {
    const bounds = medianBounds(text, operation);
    const { p50, mean } = result.latency_us;
    assert.ok(agrees(bounds, p50), `${operation}: ${p50} µs, bucket ${bounds}`);
    const family = "rnbd_client_device_request_duration_seconds";
    const [sum, count] = ["sum", "count"].map((part) =>
      total(text, `${family}_${part}`, operation)
    );
    assert.equal(count, result.ios);
    const meanUs = sum! * 1e6 / count!;
    assert.ok(meanUs < mean * 2 && meanUs > mean / 2, `${operation}: mean ${meanUs}, ${mean}`);
    // A histogram of milliseconds, or one whose buckets are off by two, is noticed.
    assert.ok(!agrees(bounds.map((us) => us * 1000) as [number, number], p50));
    assert.ok(!agrees(bounds.map((us) => us * 8) as [number, number], p50));
    assert.ok(!agrees(bounds.map((us) => us / 8) as [number, number], p50));
  }
});

Deno.test("a server's latencies are those of its disk, and a part of the client's", async () => {
  const disk = { name: "disk.img", backend: "path" } as const;
  await using nodes = await Nodes.start(
    { disks: [disk], reactors: 1 },
    (images) => writeSparseFile(`${images}/${disk.name}`, 16 * MIB),
  );
  const result = await nodes.client.bench({ ...load("randwrite", 4), name: disk.name });
  assert.equal(result.errors, 0);
  const meanUs = (node: RunningAppliance, side: string) => {
    const family = `rnbd_${side}_device_request_duration_seconds`;
    const text = node.metrics();
    assert.equal(total(text, `${family}_count`, "write"), result.ios);
    return total(text, `${family}_sum`, "write") * 1e6 / result.ios;
  };
  const [client, server] = [meanUs(nodes.client, "client"), meanUs(nodes.server, "server")];
  assert.ok(server > 0 && server < client, `server ${server} µs, client ${client} µs`);
});

Deno.test("requests that fail are errors: without bytes, without a latency", async () => {
  await using nodes = await Nodes.start({ disks: [DISK], reactors: 1 });
  const running = nodes.client.bench({ ...load("randread", 8), runtime_ms: 20_000 });
  await new Promise((resolve) => setTimeout(resolve, 300));
  await nodes.client.disconnectPath({ sessname: "pair" });
  const result = await running;
  assert.ok(result.errors > 0, "the load saw the disconnect");
  const { ios, bytes, errors } = counted(nodes.client, "client", "read");
  assert.deepEqual({ ios, errors }, { ios: result.ios, errors: result.errors });
  assert.equal(bytes, (ios - errors) * BLOCK_BYTES);
});
