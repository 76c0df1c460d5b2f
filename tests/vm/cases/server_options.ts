/** Servers that are not the usual one: keys, queues, caches, back ends. */
import assert from "node:assert/strict";
import { run } from "../../support/process.ts";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import { fio } from "../guest/fio.ts";
import { deviceSize, fill, queueLimit, scsiDisk } from "../guest/media.ts";
import type { Combination, ServerOptions } from "../guest/peers.ts";
import { watchRequests } from "../guest/trace.ts";
import { type LoadShape, verifyWithFio } from "../guest/verify.ts";

const MIB = 1 << 20;
const SHAPES: readonly LoadShape[] = [[4096, 32], [65536, 32]];

/** Data are right with a server with other options. */
const verifiesWith = (options: ServerOptions) => async (context: CaseContext): Promise<void> => {
  await context.server(options);
  const device = await context.map("ram0");
  await verifyWithFio(context, device, SHAPES);
  await device.unmap();
};

/** Our fileio mode flushes after every write by itself, so its clients see no cache. */
const withCache = ({ combination }: CaseContext): ServerOptions =>
  combination.server === "ours" ? { ioMode: "blockio" } : {};

async function flushes(context: CaseContext): Promise<void> {
  const disk = context.use(await scsiDisk(64));
  await context.server(withCache(context));
  const device = await context.map(disk.name);
  assert.equal(await queueLimit(device.path, "write_cache"), "write back");
  const seen = await watchRequests(disk.path, async () => {
    const result = await fio({
      filename: device.path,
      rw: "write",
      blockBytes: 4096,
      iodepth: 1,
      sizeBytes: 64 * 4096,
      more: ["--fsync=8"],
    });
    assert.equal(result.error, 0);
  });
  context.note(`at the server: ${JSON.stringify(seen)}`);
  // fio leaves out the one after the last write.
  assert.ok(seen.flushes >= 7, `${seen.flushes} flushes for 7 fsyncs`);
  await device.unmap();
}

async function forcesUnitAccess(context: CaseContext): Promise<void> {
  const disk = context.use(await scsiDisk(64));
  await context.server(withCache(context));
  const device = await context.map(disk.name);
  assert.equal(await queueLimit(device.path, "fua"), "1");
  const write = async () => {
    const blocks = ["if=/dev/zero", `of=${device.path}`, "bs=4096", "count=16"];
    await run("dd", [...blocks, "oflag=direct,dsync"]);
  };
  const atServer = await watchRequests(disk.path, write);
  const atClient = await watchRequests(device.path, write);
  context.note(`at the client ${JSON.stringify(atClient)}, server ${JSON.stringify(atServer)}`);
  assert.ok(atClient.fuaWrites >= 16, "the client sent no FUA");
  const kept = atServer.fuaWrites + atServer.flushes;
  assert.ok(
    atServer.fuaWrites >= 16 || kept >= atClient.fuaWrites + atClient.flushes,
    "a FUA write was neither FUA nor flushed at the server",
  );
  await device.unmap();
}

/** As our usual server has it. */
async function writesThrough(context: CaseContext): Promise<void> {
  const disk = context.use(await scsiDisk(64));
  const device = await context.map(disk.name);
  assert.equal(await queueLimit(device.path, "write_cache"), "write through");
  const seen = await watchRequests(disk.path, async () => {
    const blocks = ["if=/dev/zero", `of=${device.path}`, "bs=4096", "count=16"];
    await run("dd", [...blocks, "oflag=direct"]);
  });
  context.note(`at the server: ${JSON.stringify(seen)}`);
  assert.ok(seen.fuaWrites + seen.flushes >= 16, "a write was left in the disk's cache");
  await device.unmap();
}

const FILES = "/run/rnbd-test-files";
const FILE_BYTES = 32 * MIB;
const MEMORY_BYTES = 24 * MIB;

/** What is a regular file or plain memory at the server; its queue depth is said and not implied. */
async function servesFileAndMemory(context: CaseContext): Promise<void> {
  await Deno.mkdir(FILES, { recursive: true });
  await Deno.writeFile(`${FILES}/disk.img`, new Uint8Array(0));
  await Deno.truncate(`${FILES}/disk.img`, FILE_BYTES);
  await context.server({
    queueDepth: 512,
    searchPath: FILES,
    memoryExport: { devicePath: "memory", sizeBytes: MEMORY_BYTES },
  });
  const file = await context.map("disk.img");
  const memory = await context.map("memory");
  assert.equal(await deviceSize(file.path), FILE_BYTES);
  assert.equal(await deviceSize(memory.path), MEMORY_BYTES);
  for (const device of [file, memory]) await verifyWithFio(context, device, SHAPES);
  await fill(file.path, 0x3c, FILE_BYTES - 4096, 4096);
  const bytes = await Deno.readFile(`${FILES}/disk.img`);
  assert.deepEqual(bytes.subarray(FILE_BYTES - 4096), new Uint8Array(4096).fill(0x3c));
  await file.unmap();
  await memory.unmap();
  await Deno.remove(`${FILES}/disk.img`);
}

const VERIFY_TIMEOUT_MS = 600_000;
const hasOurServer = ({ server }: Combination): boolean => server === "ours";

/** Cases of this file. */
export const SERVER_OPTION_CASES: readonly GuestCase[] = [
  {
    name: "fileio: a write is past the disk's cache when it is done",
    appliesTo: hasOurServer,
    run: writesThrough,
  },
  { name: "a flush reaches the server's disk", run: flushes },
  { name: "FUA reaches the server's disk", run: forcesUnitAccess },
  {
    name: "fio crc32c with always_invalidate=N and queue_depth 64",
    timeoutMs: VERIFY_TIMEOUT_MS,
    // Of ours it is the default.
    appliesTo: ({ server }) => server === "kernel",
    run: verifiesWith({ alwaysInvalidate: false, queueDepth: 64 }),
  },
  {
    name: "fio crc32c with always_invalidate=Y and queue_depth 64",
    timeoutMs: VERIFY_TIMEOUT_MS,
    // Of the kernel's it is the default.
    appliesTo: ({ server, carrier }) => server === "ours" && carrier === "ip",
    run: verifiesWith({ alwaysInvalidate: true, queueDepth: 64 }),
  },
  {
    name: "fio crc32c on a file and on memory, with queue_depth 512",
    timeoutMs: VERIFY_TIMEOUT_MS,
    appliesTo: hasOurServer,
    run: servesFileAndMemory,
  },
];
