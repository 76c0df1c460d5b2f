/** What the program costs when it does nothing, and what the demo needs. */
import assert from "node:assert/strict";
import { startPair } from "../support/pair.ts";
import { cpuMs, residentBytes, sleep } from "../support/process.ts";
import { programCommand } from "../support/program.ts";

const MIB = 2 ** 20;
/** Longer than the reconcile interval: a round and a look at the sizes are within. */
const IDLE_MS = 12_000;
/** On a busy machine the last work of the start ends late. */
const SETTLE_MS = 3_000;
const IDLE_CORE_SHARE_MAX = 0.01;
const DEMO_RESIDENT_MAX_BYTES = 300 * MIB;
const DEMO_TIME_MAX_MS = 60_000;

Deno.test("an idle pair with an open mapping uses under 1 % of a core each", async () => {
  await using pair = await startPair({
    disks: [{ name: "ram", backend: "memory", sizeBytes: MIB }],
    reactors: 2,
  });
  await sleep(SETTLE_MS);
  const processes = [pair.client.pid, pair.server.pid];
  const before = processes.map(cpuMs);
  await sleep(IDLE_MS);
  processes.forEach((pid, i) => {
    const share = (cpuMs(pid) - before[i]!) / IDLE_MS;
    assert.ok(share < IDLE_CORE_SHARE_MAX, `${i === 0 ? "client" : "server"}: ${share} of a core`);
  });
});

Deno.test("the demo exits 0 within a minute and 300 MiB", async () => {
  const startedAt = Date.now();
  const program = programCommand(["demo"]);
  const child = new Deno.Command(program.command, {
    args: program.args,
    stdout: "null",
    stderr: "null",
  }).spawn();
  let isRunning = true;
  const status = child.status.finally(() => isRunning = false);
  let most = 0;
  while (isRunning) {
    try {
      most = Math.max(most, residentBytes(child.pid));
    } catch {
      break; // It ended between the look at the flag and the look at /proc.
    }
    await sleep(50);
  }
  assert.equal((await status).code, 0);
  assert.ok(most > 0 && most < DEMO_RESIDENT_MAX_BYTES, `${most} bytes`);
  assert.ok(Date.now() - startedAt < DEMO_TIME_MAX_MS);
});
