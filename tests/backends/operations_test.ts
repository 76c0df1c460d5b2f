/** Every operation on every kind of back end, against a model in memory. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { makeMemoryBackend, makeNullBackend } from "../../src/rnbd/server/open_backend.ts";
import { attachLoopDevice, mountFileSystem } from "../support/loop_device.ts";
import { skippable } from "../support/skip.ts";
import { temporaryDirectory, writeSparseFile } from "../support/temporary.ts";
import { Bench, type Disk, pattern } from "./bench.ts";

const DISK_BYTES = 2 ** 20;
/** The disk is cut into regions; operations that run at the same time are in different ones. */
const REGIONS = 8;
const REGION_BYTES = DISK_BYTES / REGIONS;
const EOPNOTSUPP = 95;

type Kind = "write" | "fua" | "discard" | "zero" | "zeroUnmap" | "flush" | "read";

interface Operation {
  readonly kind: Kind;
  /** Fractions of the region, 0..1. */
  readonly from: number;
  readonly size: number;
  readonly seed: number;
}

const operation: fc.Arbitrary<Operation> = fc.record({
  kind: fc.constantFrom<Kind>("write", "fua", "discard", "zero", "zeroUnmap", "flush", "read"),
  from: fc.integer({ min: 0, max: 255 }).map((part) => part / 256),
  size: fc.integer({ min: 1, max: 256 }).map((part) => part / 256),
  seed: fc.nat(1000),
});
const batches = fc.array(fc.array(operation, { minLength: 1, maxLength: REGIONS }), {
  minLength: 1,
  maxLength: 12,
});

async function apply(
  disk: Disk,
  model: Uint8Array,
  region: number,
  { kind, from, size, seed }: Operation,
): Promise<void> {
  const block = disk.geometry.logicalBlockBytes;
  const blocks = REGION_BYTES / block;
  const first = Math.floor(from * blocks);
  const count = Math.max(1, Math.min(blocks - first, Math.floor(size * blocks)));
  const offset = region * REGION_BYTES + first * block;
  const length = count * block;
  if (kind === "flush") assert.equal(await disk.flush(), 0);
  else if (kind === "read") {
    const expected = model.slice(offset, offset + length);
    const { errno, bytes } = await disk.read(offset, length);
    assert.equal(errno, 0);
    assert(Buffer.from(bytes).equals(expected), `wrong data in ${length} bytes at ${offset}`);
  } else if (kind === "write" || kind === "fua") {
    const bytes = pattern(seed, length);
    model.set(bytes, offset);
    assert.equal(await disk.write(offset, bytes, kind === "fua"), 0);
  } else {
    model.fill(0, offset, offset + length);
    const errno = kind === "discard"
      ? await disk.discard(offset, length)
      : await disk.writeZeroes(offset, length, kind === "zeroUnmap");
    assert.equal(errno, 0, kind);
  }
}

async function followsModel(
  disk: Disk,
  readBack: () => Promise<Uint8Array>,
  runs: number,
): Promise<void> {
  const model = new Uint8Array(await readBack());
  await fc.assert(
    fc.asyncProperty(batches, async (list) => {
      for (const batch of list) {
        await Promise.all(batch.map((each, region) => apply(disk, model, region, each)));
      }
      const { errno, bytes } = await disk.read(0, DISK_BYTES);
      assert.equal(errno, 0);
      assert(Buffer.from(bytes).equals(model), "the whole disk differs from the model");
    }),
    { numRuns: runs, endOnFailure: true },
  );
  assert.equal(await disk.secureErase(0, disk.geometry.logicalBlockBytes), EOPNOTSUPP);
  assert.equal(await disk.flush(), 0);
  assert.equal(disk.queue.inflight, 0);
  assert(Buffer.from(await readBack()).equals(model), "what lies on the medium differs");
}

for (const ioMode of ["fileio", "blockio"] as const) {
  for (const sparse of [true, false]) {
    const kind = sparse ? "sparse" : "regular";
    Deno.test(`FileQueue follows the model on a ${kind} file in ${ioMode} mode`, async () => {
      await using directory = await temporaryDirectory();
      await using bench = new Bench();
      const path = `${directory.path}/disk`;
      if (sparse) await writeSparseFile(path, DISK_BYTES);
      else await Deno.writeFile(path, pattern(7, DISK_BYTES));
      await using disk = await bench.open(path, ioMode);
      await followsModel(disk, () => Deno.readFile(path), 20);
    });
  }

  for (const sectorBytes of [512, 4096]) {
    const device = `a loop device with ${sectorBytes}-byte blocks`;
    skippable(`FileQueue follows the model on ${device} in ${ioMode} mode`, async () => {
      await using loop = await attachLoopDevice({ sizeBytes: DISK_BYTES, sectorBytes });
      await using bench = new Bench();
      await using disk = await bench.open(loop.path, ioMode);
      assert.equal(disk.geometry.logicalBlockBytes, sectorBytes);
      await followsModel(disk, () => Deno.readFile(loop.image), 20);
    });
  }

  skippable(`FileQueue writes zeroes where tmpfs cannot, in ${ioMode} mode`, async () => {
    await using mounted = await mountFileSystem("tmpfs", "none", "size=8m");
    await using bench = new Bench();
    const path = `${mounted.path}/disk`;
    await Deno.writeFile(path, pattern(9, DISK_BYTES));
    await using disk = await bench.open(path, ioMode);
    await followsModel(disk, () => Deno.readFile(path), 10);
  });
}

Deno.test("MemoryQueue follows the model", async () => {
  await using bench = new Bench();
  const ticket = makeMemoryBackend(bench.memory, "model", DISK_BYTES, 512);
  assert(ticket.kind === "memory");
  await using disk = bench.disk(ticket);
  const bytes = () => Promise.resolve(bench.loop.arena.u8.slice(ticket.at, ticket.at + DISK_BYTES));
  await followsModel(disk, bytes, 30);
  assert.equal(disk.queue.inPlace(8192, 512), ticket.at + 8192);
});

Deno.test("MemoryQueue zeroes a long range in steps, other work in between", async () => {
  await using bench = new Bench();
  const bytes = 64 * 2 ** 20;
  const ticket = makeMemoryBackend(bench.memory, "long", bytes, 512);
  assert(ticket.kind === "memory");
  const { u8 } = bench.loop.arena;
  await using disk = bench.disk(ticket);
  u8.fill(1, ticket.at, ticket.at + bytes);
  let ended = false;
  const zeroing = disk.discard(512, bytes - 1024).then((errno) => {
    ended = true;
    return errno;
  });
  assert.equal(disk.queue.inflight, 1);
  assert.equal((await disk.read(0, 512)).errno, 0);
  assert.equal(ended, false);
  assert.throws(() => disk.queue.close(), /1 operations/);
  assert.equal(await zeroing, 0);
  assert.equal(disk.queue.inflight, 0);
  assert.equal(u8[ticket.at + 511], 1);
  assert.equal(u8[ticket.at + bytes - 512], 1);
  const middle = Buffer.from(u8.slice(ticket.at + 512, ticket.at + bytes - 512));
  assert.equal(middle.indexOf(1), -1);
});

Deno.test("NullQueue reads as zero and forgets", async () => {
  await using bench = new Bench();
  await using disk = bench.disk(makeNullBackend("nothing", 2 ** 40, 512));
  assert.equal(await disk.write(2 ** 39, pattern(3, 4096), true), 0);
  const { errno, bytes } = await disk.read(2 ** 39, 4096);
  assert.equal(errno, 0);
  assert.deepEqual(bytes, new Uint8Array(4096));
  assert.equal(await disk.flush(), 0);
  assert.equal(await disk.discard(0, 2 ** 31), 0);
  assert.equal(await disk.writeZeroes(0, 2 ** 31, false), 0);
  assert.equal(await disk.secureErase(0, 512), EOPNOTSUPP);
  const place = disk.queue.inPlace(0, 131_072);
  const { u8 } = bench.loop.arena;
  assert.deepEqual(u8.slice(place, place + 131_072), new Uint8Array(131_072));
  assert.equal(disk.queue.inPlace(0, 2 ** 21), -1);
});

Deno.test("FileQueue reaches offsets beyond 2^32", async () => {
  await using directory = await temporaryDirectory();
  await using bench = new Bench();
  const path = `${directory.path}/disk`;
  const bytes = 3 * 2 ** 40;
  await writeSparseFile(path, bytes);
  for (const ioMode of ["fileio", "blockio"] as const) {
    await using disk = await bench.open(path, ioMode);
    for (const offset of [0, 2 ** 31, 2 ** 32, 5 * 2 ** 32 + 4096, bytes - 4096]) {
      assert.equal(await disk.write(offset, pattern(offset % 1009, 4096)), 0);
    }
    for (const offset of [bytes - 4096, 5 * 2 ** 32 + 4096, 2 ** 32, 2 ** 31, 0]) {
      assert.deepEqual((await disk.read(offset, 4096)).bytes, pattern(offset % 1009, 4096));
    }
    assert.equal(await disk.discard(2 ** 32, 2 ** 32), 0);
    assert.deepEqual((await disk.read(2 ** 32, 4096)).bytes, new Uint8Array(4096));
    assert.deepEqual((await disk.read(2 ** 31, 4096)).bytes, pattern(2 ** 31 % 1009, 4096));
    assert.equal(await disk.writeZeroes(5 * 2 ** 32, 2 ** 31, false), 0);
    assert.deepEqual((await disk.read(5 * 2 ** 32 + 4096, 4096)).bytes, new Uint8Array(4096));
    assert.equal(await disk.writeZeroes(0, bytes - 4096, true), 0);
    assert.deepEqual((await disk.read(0, 4096)).bytes, new Uint8Array(4096));
  }
  assert.equal((await Deno.stat(path)).size, bytes);
});
