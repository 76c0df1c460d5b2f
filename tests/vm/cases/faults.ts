/** Peers that die, stop, and come back. */
import assert from "node:assert/strict";
import { run, sleep, waitFor } from "../../support/process.ts";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import { startLoad } from "../guest/load.ts";
import { fill, readBack } from "../guest/media.ts";
import type { Combination } from "../guest/peers.ts";
import { takeResources } from "../guest/resources.ts";

const MIB = 1 << 20;
const FAULT_TIMEOUT_MS = 300_000;
const RECONNECT_TIMEOUT_MS = 120_000;
/** A silent peer is given up 30 s after the heartbeat it did not answer, plus up to one interval. */
const SILENCE_TIMEOUT_MS = 60_000;

const hasOurServer = ({ server }: Combination): boolean => server === "ours";
const hasOurClient = ({ client }: Combination): boolean => client === "ours";
/** Where the kernel's heartbeat or the same code over TCP is what is tried. */
const hasOtherPeer = ({ client, server, carrier }: Combination): boolean =>
  client !== server || carrier === "tcp";

async function survivesServer(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  await fill(device.path, 0x61, 64 * MIB, MIB);
  const load = context.use(
    await startLoad({
      filename: device.path,
      rw: "randrw",
      blockBytes: 4096,
      iodepth: 16,
      sizeBytes: 16 * MIB,
      runtimeSeconds: 5,
    }),
  );
  await sleep(2000);
  await context.breakServer();
  await sleep(2000);
  await context.restoreServer();
  const started = performance.now();
  const isOpen = async () => await device.state() === "open";
  await waitFor(isOpen, RECONNECT_TIMEOUT_MS, "the device to be open again");
  context.note(`open again after ${Math.round(performance.now() - started)} ms`);
  context.note(`the load ended with errno ${(await load.result()).error}`);
  const kept = new Uint8Array(4096).fill(0x61);
  assert.deepEqual(await readBack(device.path, 64 * MIB, 4096), kept);
  await fill(device.path, 0x62, 64 * MIB, MIB);
  const server = await readBack("/dev/ram0", 64 * MIB, 4096);
  assert.deepEqual(server, new Uint8Array(4096).fill(0x62));
  await device.unmap();
}

async function freesDeadClient(context: CaseContext): Promise<void> {
  const server = await context.server();
  await context.client();
  const before = await takeResources([]);
  const device = await context.map("ram0");
  const load = context.use(
    await startLoad({
      filename: device.path,
      rw: "randwrite",
      blockBytes: 4096,
      iodepth: 16,
      sizeBytes: 16 * MIB,
      runtimeSeconds: 4,
    }),
  );
  await sleep(2000);
  await context.breakClient();
  const isGone = async () => (await server.sessions()).length === 0;
  await waitFor(isGone, SILENCE_TIMEOUT_MS, "the server to drop the dead client's session");
  const isFree = async () => {
    const now = await takeResources([]);
    return Object.entries(now.rdma).every(([kind, count]) => count <= (before.rdma[kind] ?? 0));
  };
  if (context.combination.carrier === "ip") {
    await waitFor(isFree, SILENCE_TIMEOUT_MS, "the RDMA objects to be freed");
  }
  // The block device outlives its program: the next one takes it over, and the load goes on.
  const again = await context.map("ram0");
  assert.equal((await load.result()).error, 0, "the load failed over the death of its client");
  await again.unmap();
}

/** SIGTERM of our client under a mounted file system: the block device waits for the next start. */
async function leavesMountedDevice(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  const disk = await Deno.realPath(device.path);
  const folder = "/run/rnbd-test-waiting";
  await Deno.mkdir(folder, { recursive: true });
  await run("mkfs.ext4", ["-q", "-F", device.path]);
  await run("mount", [disk, folder]);
  const write = (name: string) =>
    run("dd", ["if=/dev/zero", `of=${folder}/${name}`, "bs=64k", "count=16", "conv=fsync"]);
  await write("before");
  await context.stopClient();
  let isWritten = false;
  const meanwhile = write("meanwhile").then(() => isWritten = true);
  await sleep(2000);
  assert.equal(isWritten, false, "a write was done without a server");
  const again = await context.map("ram0");
  assert.equal(await Deno.realPath(again.path), disk, "another block device");
  await meanwhile;
  await write("after");
  await run("umount", [folder]);
  await run("e2fsck", ["-f", "-n", again.path]);
  await run("mount", ["-o", "ro", again.path, folder]);
  try {
    for (const name of ["before", "meanwhile", "after"]) {
      assert.equal((await Deno.stat(`${folder}/${name}`)).size, MIB, name);
    }
  } finally {
    await run("umount", [folder]);
  }
  await again.unmap();
}

async function noticesSilentServer(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  const { process } = await context.server();
  await fill(device.path, 0x71, 0, 4096);
  process!.freeze();
  const started = performance.now();
  try {
    const isClosed = async () => await device.state() === "closed";
    await waitFor(isClosed, SILENCE_TIMEOUT_MS, "the client to give up the silent server");
  } finally {
    process!.thaw();
  }
  const silentMs = performance.now() - started;
  context.note(`given up after ${Math.round(silentMs)} ms`);
  assert.ok(silentMs > 20_000, "a peer that is only slow was given up");
  const isOpen = async () => await device.state() === "open";
  await waitFor(isOpen, RECONNECT_TIMEOUT_MS, "the device to be open again");
  assert.deepEqual(await readBack(device.path, 0, 512), new Uint8Array(512).fill(0x71));
  await device.unmap();
}

async function noticesSilentClient(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  const server = await context.server();
  const { process } = await context.client();
  process!.freeze();
  const started = performance.now();
  try {
    const isGone = async () => (await server.sessions()).length === 0;
    await waitFor(isGone, SILENCE_TIMEOUT_MS, "the server to give up the silent client");
  } finally {
    process!.thaw();
  }
  const silentMs = performance.now() - started;
  context.note(`given up after ${Math.round(silentMs)} ms`);
  assert.ok(silentMs > 20_000, "a peer that is only slow was given up");
  const isOpen = async () => await device.state() === "open";
  await waitFor(isOpen, RECONNECT_TIMEOUT_MS, "the device to be open again");
  await device.unmap();
}

async function staysUpIdle(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  await sleep(45_000);
  assert.equal(await device.state(), "open");
  await readBack(device.path, 0, 4096);
  await device.unmap();
}

/** Cases of this file. */
export const FAULT_CASES: readonly GuestCase[] = [
  {
    name: "the server goes under load and comes back: the client resumes",
    timeoutMs: FAULT_TIMEOUT_MS,
    run: survivesServer,
  },
  {
    name: "the client is killed under load: the server frees all, the next client goes on",
    timeoutMs: FAULT_TIMEOUT_MS,
    appliesTo: hasOurClient,
    run: freesDeadClient,
  },
  {
    name: "the client ends in order under a mounted file system: the next client goes on",
    timeoutMs: FAULT_TIMEOUT_MS,
    appliesTo: hasOurClient,
    run: leavesMountedDevice,
  },
  {
    name: "a server that stops answering is given up in the time of the heartbeat",
    timeoutMs: FAULT_TIMEOUT_MS,
    appliesTo: hasOurServer,
    isLong: hasOtherPeer,
    run: noticesSilentServer,
  },
  {
    name: "a client that stops answering is given up in the time of the heartbeat",
    timeoutMs: FAULT_TIMEOUT_MS,
    appliesTo: hasOurClient,
    isLong: hasOtherPeer,
    run: noticesSilentClient,
  },
  { name: "an idle session stays up", isLong: () => true, run: staysUpIdle },
];
