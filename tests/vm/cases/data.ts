/** Data integrity, and operations besides reading and writing. */
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
import type { MappedDevice } from "../guest/peers.ts";
import { type LoadShape, verifyJob, verifyWithFio } from "../guest/verify.ts";

const MIB = 1 << 20;

/** The largest request that the device takes, and makes the block layer send such. */
async function maximumIoBytes(device: MappedDevice): Promise<number> {
  const name = (await Deno.realPath(device.path)).slice("/dev/".length);
  const kib = await queueLimit(device.path, "max_hw_sectors_kb");
  await Deno.writeTextFile(`/sys/block/${name}/queue/max_sectors_kb`, kib);
  return Number(kib) * 1024;
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
  const some: LoadShape[] = [[512, 32], [4096, 1], [65536, 32], [maximum, 32]];
  const all = [512, 4096, 65536, maximum].flatMap((size): LoadShape[] => [[size, 1], [size, 32]]);
  await verifyWithFio(context, device, context.full ? all : some);
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

/** Of all runs of fio together; each has a time of its own, which tells better what hangs. */
const VERIFY_TIMEOUT_MS = 1_200_000;

/** Cases of this file. */
export const DATA_CASES: readonly GuestCase[] = [
  {
    name: "fio crc32c is clean at every block size and depth, and notices a planted error",
    timeoutMs: VERIFY_TIMEOUT_MS,
    run: verifies,
  },
  { name: "blkdiscard reaches the server's disk and nothing beside it", run: discards },
  { name: "zeroes are written where asked and nowhere else", run: writesZeroes },
  { name: "ext4: mkfs, work, umount, e2fsck on both sides", run: carriesFileSystem },
];
