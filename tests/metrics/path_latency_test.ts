/** The round trip of a path: status and metrics of both sides have it while the path is up. */
import assert from "node:assert/strict";
import type { RunningAppliance } from "../../src/appliance/appliance_api.ts";
import type { PathStatus } from "../../src/appliance/status.ts";
import { parseExposition } from "./exposition.ts";
import { Nodes } from "./nodes.ts";

const DISK = { name: "ram", backend: "memory", sizeBytes: 2 ** 20 } as const;
const TIMEOUT_MS = 10_000;
/** Loopback: whatever the machine does besides, less than this. */
const LATENCY_MAX_US = 2_000_000;

/** The path, once its first heartbeat was answered. */
async function measured(path: () => PathStatus | undefined): Promise<PathStatus> {
  const end = performance.now() + TIMEOUT_MS;
  for (;;) {
    const found = path();
    if (found !== undefined && found.latency_us > 0) return found;
    assert.ok(performance.now() < end, `no round trip in ${TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function metricOf(node: RunningAppliance, name: string): number {
  const found = [...parseExposition(node.metrics()).values()].find((one) => one.name === name);
  assert.ok(found !== undefined, name);
  return found.value;
}

Deno.test("both sides tell the round trip of a path, and nothing while it is down", async () => {
  await using nodes = await Nodes.start({ disks: [DISK], heartbeatIntervalMs: 100 });
  const { client, server } = nodes;
  const clientPath = () => client.status().sessions[0]?.paths[0];
  const { latency_us: clientUs } = await measured(clientPath);
  const { latency_us: serverUs } = await measured(() => server.status().clients[0]?.paths[0]);
  for (const us of [clientUs, serverUs]) {
    assert.ok(Number.isInteger(us) && us < LATENCY_MAX_US, `${us} us`);
  }
  for (
    const [node, name] of [
      [client, "rnbd_client_path_latency_seconds"],
      [server, "rnbd_server_path_latency_seconds"],
    ] as const
  ) {
    const seconds = metricOf(node, name);
    assert.ok(seconds > 0 && seconds < LATENCY_MAX_US / 1e6, `${name} ${seconds}`);
  }
  await client.disconnectPath({ sessname: "pair" });
  assert.equal(clientPath()?.latency_us, 0);
  assert.equal(metricOf(client, "rnbd_client_path_latency_seconds"), 0);
});
