/** No counter goes down, whatever happens to mappings, paths and the server. */
import assert from "node:assert/strict";
import type { BenchRequest, RunningAppliance } from "../../src/appliance/appliance_api.ts";
import { CounterMemory } from "../../src/appliance/metrics/counter_memory.ts";
import { MetricsText } from "../../src/appliance/metrics/metrics_text.ts";
import type { Status } from "../../src/appliance/status.ts";
import { CounterWatch, parseExposition } from "./exposition.ts";
import { Nodes, untilOpen } from "./nodes.ts";
import { largeStatus, PROCESS } from "./samples.ts";

const DISK = { name: "ram", backend: "memory", sizeBytes: 2 ** 24 } as const;
const LOAD: BenchRequest = {
  name: DISK.name,
  rw: "randread",
  block_bytes: 4096,
  iodepth: 8,
  runtime_ms: 100,
  jobs: 0,
  destroy_data: false,
};
const READS = 'rnbd_client_device_requests_total{device="ram",operation="read"}';

const readsOf = (node: RunningAppliance) => parseExposition(node.metrics()).get(READS)!.value;

Deno.test("unmap and map, remap, reconnect and another server leave every counter up", async () => {
  await using nodes = await Nodes.start({ disks: [DISK], reactors: 2 });
  const { client } = nodes;
  const watches = { client: new CounterWatch(), server: new CounterWatch() };
  let reads = 0;
  const after = async (what: string) => {
    await untilOpen(client, DISK.name);
    reads += (await client.bench(LOAD)).ios;
    assert.deepEqual(watches.client.look(client.metrics()), [], `client after ${what}`);
    assert.deepEqual(watches.server.look(nodes.server.metrics()), [], `server after ${what}`);
    assert.equal(readsOf(client), reads, `reads after ${what}`);
  };
  await after("the start");
  await client.unmap(DISK.name, true);
  assert.deepEqual(watches.client.look(client.metrics()), [], "client while unmapped");
  assert.equal(readsOf(client), reads, "what is unmapped is told");
  await client.map({
    name: DISK.name,
    sessname: "pair",
    device_path: DISK.name,
    expose: "nbd",
    paths: ["tcp:127.0.0.1"],
    dest_port: nodes.port,
  });
  await after("map");
  await client.remap({ name: DISK.name, force: true });
  await after("remap");
  await client.disconnectPath({ sessname: "pair" });
  assert.deepEqual(watches.client.look(client.metrics()), [], "client while disconnected");
  await client.reconnectPath({ sessname: "pair" });
  await after("reconnect");
  watches.server = new CounterWatch();
  await nodes.replaceServer();
  await after("another server");
  assert.ok(watches.client.size > 40);
});

Deno.test("a reload that takes a mapping away, and everything anew, leaves every counter up", async () => {
  await using nodes = await Nodes.start({ disks: [DISK], reactors: 1 });
  const { client } = nodes;
  const watch = new CounterWatch();
  let reads = 0;
  const after = async (what: string, edit: (toml: string) => string) => {
    await nodes.applyToClient(edit);
    const isThere = client.status().mappings.some(({ name }) => name === DISK.name);
    if (isThere) reads += (await client.bench(LOAD)).ios;
    assert.deepEqual(watch.look(client.metrics()), [], `after ${what}`);
    assert.equal(readsOf(client), reads, `reads after ${what}`);
  };
  const same = (toml: string) => toml;
  await after("nothing new", same);
  await after("another mode", (toml) => toml.replace('access_mode = "rw"', 'access_mode = "ro"'));
  const until = (mark: string) => (toml: string) => toml.slice(0, toml.indexOf(mark));
  await after("no mapping", until("[[mapping]]"));
  await after("no session", until("[[session]]"));
  await after("all of it again", same);
  await after(
    "a session made anew",
    (toml) => toml.replace("[[session]]", '[[session]]\ncrc = "on"'),
  );
  assert.ok(watch.size > 40);
});

/** The text of a node with one session that reconnected `reconnects` times; undefined = none. */
function withSession(metrics: MetricsText, reconnects: number | undefined): string {
  const base = largeStatus(0, 1);
  const [session] = base.sessions;
  const path = { ...session!.paths[0]!, reconnects: reconnects ?? 0, rx_bytes: 4096 };
  const sessions = reconnects === undefined ? [] : [{ ...session!, reconnects, paths: [path] }];
  const status: Status = { ...base, sessions };
  return metrics.render({ status, process: PROCESS, mappings: [], exports: [], paths: [] });
}

Deno.test("a session that is made anew counts on where it was", () => {
  const metrics = new MetricsText();
  const watch = new CounterWatch();
  const told: number[] = [];
  for (const reconnects of [0, 3, undefined, 0, 2, 2, undefined, 1]) {
    const text = withSession(metrics, reconnects);
    assert.deepEqual(watch.look(text), []);
    const series = parseExposition(text);
    const count = series.get('rnbd_client_session_reconnects_total{sessname="store-0"}');
    if (count !== undefined) told.push(count.value);
  }
  assert.deepEqual(told, [0, 3, 3, 5, 5, 6]);
});

Deno.test("paths that share a name are added up, each time alike", () => {
  const base = largeStatus(0, 1);
  const [session] = base.sessions;
  const paths = [3, 1].map((reconnects) => ({ ...session!.paths[0]!, reconnects }));
  const status: Status = { ...base, sessions: [{ ...session!, paths }] };
  const metrics = new MetricsText();
  for (let round = 0; round < 3; round++) {
    const empty = { mappings: [], exports: [], paths: [] };
    const series = parseExposition(metrics.render({ status, process: PROCESS, ...empty }));
    const counts = [...series].filter(([key]) => key.startsWith("rnbd_client_path_reconnects"));
    assert.deepEqual(counts.map(([, { value }]) => value), [4]);
  }
});

Deno.test("without that memory the watch finds it", () => {
  const watch = new CounterWatch();
  watch.look(withSession(new MetricsText(), 3));
  const lower = watch.look(withSession(new MetricsText(), 0));
  assert.equal(lower.length, 2, "the session's and the path's reconnects");
});

Deno.test("the memory is bounded: what is gone longest is forgotten, what is there never", () => {
  const memory = new CounterMemory(2);
  const round = (...keys: string[]) => {
    for (const key of keys) memory.advance(key, 10);
    memory.endRound();
  };
  round("a", "b", "c", "d", "e");
  round("d", "e");
  assert.deepEqual(["a", "b", "c", "d", "e"].map((key) => memory.advance(key, 1)), [
    1,
    11,
    11,
    11,
    11,
  ]);
});
