/** Unmapping, sizes that change, and rounds after which nothing is left. */
import assert from "node:assert/strict";
import { sleep, waitFor } from "../../support/process.ts";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import { deviceSize, fill, loopDevice, readBack } from "../guest/media.ts";
import { startLoad } from "../guest/load.ts";
import { findGrowth, takeResources } from "../guest/resources.ts";
import { assertRefused } from "./mapping.ts";

const MIB = 1 << 20;
const SESSION_GONE_TIMEOUT_MS = 60_000;

async function unmaps(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  const server = await context.server();
  assert.equal((await server.sessions()).length, 1);
  await device.unmap();
  const isGone = async () => (await server.sessions()).length === 0;
  await waitFor(isGone, SESSION_GONE_TIMEOUT_MS, "the session to be gone at the server");
  // The name is free for the next.
  await (await context.map("ram0")).unmap();
}

async function refusesBusyUnmap(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  const file = await Deno.open(device.path, { read: true });
  try {
    await assertRefused(context, "EBUSY", () => device.unmap());
    assert.equal(await device.state(), "open");
    assert.equal(await file.read(new Uint8Array(512)), 512);
  } finally {
    file.close();
  }
  await device.unmap();
}

async function unmapsByForce(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  const load = context.use(
    await startLoad({
      filename: device.path,
      rw: "randrw",
      blockBytes: 4096,
      iodepth: 16,
      sizeBytes: 16 * MIB,
      runtimeSeconds: 60,
    }),
  );
  await device.unmap(true);
  const result = await load.result();
  assert.notEqual(result.error, 0, "the load went on after its device was gone");
  assert.ok(result.read.total_ios > 0, "the load had not begun");
  const server = await context.server();
  const isGone = async () => (await server.sessions()).length === 0;
  await waitFor(isGone, SESSION_GONE_TIMEOUT_MS, "the session to be gone at the server");
  await (await context.map("ram0")).unmap();
}

async function followsResize(context: CaseContext): Promise<void> {
  const loop = context.use(await loopDevice(32 * MIB));
  const device = await context.map(loop.name);
  assert.equal(await deviceSize(device.path), 32 * MIB);
  await loop.resize(48 * MIB);
  await device.reopen();
  const hasGrown = async () => await deviceSize(device.path) === 48 * MIB;
  await waitFor(hasGrown, SESSION_GONE_TIMEOUT_MS, "the new size at the client");
  await fill(device.path, 0x48, 48 * MIB - 4096, 4096);
  const seen = await readBack(loop.path, 48 * MIB - 4096, 4096);
  assert.deepEqual(seen, new Uint8Array(4096).fill(0x48));
  await device.unmap();
}

const WARM_UP_ROUNDS = 2;
const ROUNDS = 10;
const ROUNDS_FULL = 100;

async function givesEverythingBack(context: CaseContext): Promise<void> {
  const server = await context.server();
  const client = await context.client();
  const pids = [server, client].flatMap(({ process }) => process === undefined ? [] : process.pid);
  const round = async () => {
    const device = await context.map("ram0");
    await readBack(device.path, 0, 4096);
    await device.unmap();
  };
  const settle = async () => {
    const isGone = async () => (await server.sessions()).length === 0;
    await waitFor(isGone, SESSION_GONE_TIMEOUT_MS, "the last session to be gone");
    await sleep(1000);
    return await takeResources(pids);
  };
  for (let i = 0; i < WARM_UP_ROUNDS; i++) await round();
  const before = await settle();
  const started = performance.now();
  const rounds = context.full ? ROUNDS_FULL : ROUNDS;
  for (let i = 0; i < rounds; i++) await round();
  context.note(`${rounds} rounds of ${Math.round((performance.now() - started) / rounds)} ms`);
  const after = await settle();
  context.note(`before ${JSON.stringify(before)}`);
  context.note(`after ${JSON.stringify(after)}`);
  assert.deepEqual(findGrowth(before, after), []);
}

/** Cases of this file. */
export const LIFE_CYCLE_CASES: readonly GuestCase[] = [
  { name: "unmap ends the session, and the name is free again", run: unmaps },
  { name: "unmap of a device in use is refused with EBUSY", run: refusesBusyUnmap },
  { name: "forced unmap ends a device under load", run: unmapsByForce },
  { name: "a resize at the server is seen after the device was opened again", run: followsResize },
  {
    name: "rounds of map and unmap give everything back",
    timeoutMs: 300_000,
    run: givesEverythingBack,
  },
];
