/** Data integrity, caches, and operations besides reading and writing. */
import assert from "node:assert/strict";
import { run } from "../../support/process.ts";
import { FIO_VERIFY_ERROR } from "../../support/fio.ts";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import { fio, type FioOptions, VERIFY_CRC32C } from "../guest/fio.ts";
import {
  blockStatistics,
  dropCache,
  fill,
  queueLimit,
  readBack,
  scsiDisk,
} from "../guest/media.ts";
import type { MappedDevice, ServerOptions } from "../guest/peers.ts";
import { watchRequests } from "../guest/trace.ts";

const MIB = 1 << 20;

/** The largest request that the device takes, and makes the block layer send such. */
async function maximumIoBytes(device: MappedDevice): Promise<number> {
  const name = (await Deno.realPath(device.path)).slice("/dev/".length);
  const kib = await queueLimit(device.path, "max_hw_sectors_kb");
  await Deno.writeTextFile(`/sys/block/${name}/queue/max_sectors_kb`, kib);
  return Number(kib) * 1024;
}

/** How much each job writes at a block size: enough to fill the queue, not more than needed. */
function verifiedBytes(blockBytes: number, full: boolean): number {
  const most = (full ? 48 : 4) * MIB;
  const blocks = full ? 2048 : 256;
  return Math.min(blocks * blockBytes, Math.floor(most / blockBytes) * blockBytes);
}

const verifyJob = (
  context: CaseContext,
  device: MappedDevice,
  blockBytes: number,
  iodepth: number,
): FioOptions => ({
  filename: device.path,
  rw: "randwrite",
  blockBytes,
  iodepth,
  sizeBytes: verifiedBytes(blockBytes, context.full),
  jobs: 2,
  more: VERIFY_CRC32C,
});

/** fio writes with checksums and reads them back. */
async function verifyWithFio(
  context: CaseContext,
  device: MappedDevice,
  blockSizes: readonly number[],
  depths: readonly number[],
): Promise<void> {
  for (const blockBytes of blockSizes) {
    for (const iodepth of depths) {
      const result = await fio(verifyJob(context, device, blockBytes, iodepth));
      assert.equal(result.error, 0, `block size ${blockBytes}, depth ${iodepth}`);
      const { read, write } = result;
      const rates = `${Math.round(write.iops)} writes/s, ${Math.round(read.iops)} reads/s`;
      context.note(`${blockBytes} bytes, depth ${iodepth}: ${rates}`);
    }
  }
}

/** The proof that fio would notice: a wrong sector on the server's disk. */
async function assertNoticesPlantedError(
  context: CaseContext,
  device: MappedDevice,
  media: string,
): Promise<void> {
  const job: FioOptions = { ...verifyJob(context, device, 4096, 32), rw: "write" };
  assert.equal((await fio(job)).error, 0);
  await fill(media, 0xbd, 4096, 512);
  await dropCache(device.path);
  const reading = await fio({ ...job, more: [...VERIFY_CRC32C, "--verify_only=1"] });
  assert.equal(reading.error, FIO_VERIFY_ERROR, "a planted error was not noticed");
}

async function verifies(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  await assertNoticesPlantedError(context, device, "/dev/ram0");
  const maximum = await maximumIoBytes(device);
  context.note(`largest request: ${maximum} bytes`);
  await verifyWithFio(context, device, [512, 4096, 65536, maximum], [1, 32]);
  await device.unmap();
}

/** The same against a server with other options. */
const verifiesWith = (options: ServerOptions) => async (context: CaseContext): Promise<void> => {
  await context.server(options);
  const device = await context.map("ram0");
  await verifyWithFio(context, device, [4096, 65536], context.full ? [1, 32] : [32]);
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

async function writesThrough(context: CaseContext): Promise<void> {
  const disk = context.use(await scsiDisk(64));
  await context.server({ ioMode: "fileio" });
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

async function discards(context: CaseContext): Promise<void> {
  const disk = context.use(await scsiDisk(64));
  const device = await context.map(disk.name);
  await fill(device.path, 0xee, 0, 4 * MIB);
  const before = blockStatistics(disk.path).discards;
  await run("blkdiscard", ["--offset", String(MIB), "--length", String(2 * MIB), device.path]);
  assert.ok(blockStatistics(disk.path).discards > before, "no discard at the server");
  const zeroes = new Uint8Array(4096);
  assert.deepEqual(await readBack(device.path, MIB, 4096), zeroes);
  assert.deepEqual(await readBack(device.path, 3 * MIB - 4096, 4096), zeroes);
  const kept = new Uint8Array(4096).fill(0xee);
  assert.deepEqual(await readBack(device.path, MIB - 4096, 4096), kept);
  assert.deepEqual(await readBack(device.path, 3 * MIB, 4096), kept);
  await device.unmap();
}

async function writesZeroes(context: CaseContext): Promise<void> {
  const disk = context.use(await scsiDisk(64));
  const device = await context.map(disk.name);
  context.note(`write_zeroes_max_bytes ${await queueLimit(device.path, "write_zeroes_max_bytes")}`);
  await fill(device.path, 0xdd, 0, 4 * MIB);
  const range = ["--offset", String(MIB), "--length", String(2 * MIB)];
  await run("blkdiscard", ["--zeroout", ...range, device.path]);
  const zeroes = await readBack(device.path, MIB, 2 * MIB);
  assert.ok(zeroes.every((byte) => byte === 0), "not all zeroes");
  const kept = new Uint8Array(4096).fill(0xdd);
  assert.deepEqual(await readBack(device.path, MIB - 4096, 4096), kept);
  assert.deepEqual(await readBack(device.path, 3 * MIB, 4096), kept);
  await device.unmap();
}

async function carriesFileSystem(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  const folder = "/run/rnbd-test-mount";
  await Deno.mkdir(folder, { recursive: true });
  await run("mkfs.ext4", ["-q", "-F", device.path]);
  await run("mount", [device.path, folder]);
  try {
    const work = [
      'cd "$1" && mkdir a b',
      "cp -r /etc a/ 2>/dev/null",
      "for i in 1 2 3 4 5 6 7 8; do dd if=/dev/urandom of=b/$i bs=64k count=16 status=none; done",
      "sync",
      "sha256sum b/* > sums",
      "rm b/8 && mv a/etc c && echo again >> b/7",
    ];
    await run("sh", ["-c", work.join("\n"), "sh", folder]);
  } finally {
    await run("umount", [folder]);
  }
  await run("e2fsck", ["-f", "-n", device.path]);
  await dropCache(device.path);
  await run("mount", [device.path, folder]);
  try {
    await run("sh", ["-c", 'cd "$1" && head -6 sums | sha256sum -c --quiet', "sh", folder]);
  } finally {
    await run("umount", [folder]);
  }
  await device.unmap();
  // The server's disk alone holds a sound file system.
  await run("e2fsck", ["-f", "-n", "/dev/ram0"]);
}

const VERIFY_TIMEOUT_MS = 300_000;

/** Cases of this file. */
export const DATA_CASES: readonly GuestCase[] = [
  {
    name: "fio crc32c is clean at every block size and depth, and notices a planted error",
    timeoutMs: VERIFY_TIMEOUT_MS,
    run: verifies,
  },
  {
    name: "fio crc32c with always_invalidate=N",
    timeoutMs: VERIFY_TIMEOUT_MS,
    appliesTo: ({ carrier }) => carrier === "ip",
    run: verifiesWith({ alwaysInvalidate: false }),
  },
  {
    name: "fio crc32c with always_invalidate=Y",
    timeoutMs: VERIFY_TIMEOUT_MS,
    appliesTo: ({ carrier }) => carrier === "ip",
    run: verifiesWith({ alwaysInvalidate: true }),
  },
  {
    name: "fio crc32c with queue_depth 64",
    timeoutMs: VERIFY_TIMEOUT_MS,
    run: verifiesWith({ queueDepth: 64 }),
  },
  { name: "a flush reaches the server's disk", run: flushes },
  { name: "FUA reaches the server's disk", run: forcesUnitAccess },
  {
    name: "fileio: a write is past the disk's cache when it is done",
    appliesTo: ({ server }) => server === "ours",
    run: writesThrough,
  },
  { name: "blkdiscard reaches the server's disk and nothing beside it", run: discards },
  { name: "zeroes are written where asked and nowhere else", run: writesZeroes },
  { name: "ext4: mkfs, work, umount, e2fsck on both sides", run: carriesFileSystem },
];
