/** "On the medium before it is done": seen in flush requests and in what lies behind the cache. */
import assert from "node:assert/strict";
import {
  attachLoopDevice,
  flushCount,
  mountFileSystem,
  runProgram,
} from "../support/loop_device.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { readRange, temporaryDirectory, writeSparseFile } from "../support/temporary.ts";
import { Bench, type Disk, pattern } from "./bench.ts";

const MIB = 2 ** 20;

/** Flush requests that reach `device` during an operation. */
async function flushesOf(device: string, operation: () => Promise<number>): Promise<number> {
  const before = await flushCount(device);
  assert.equal(await operation(), 0);
  return await flushCount(device) - before;
}

async function flushesPerOperation(device: string, disk: Disk): Promise<Record<string, number>> {
  const bytes = pattern(1, 4096);
  const count = (operation: () => Promise<number>) => flushesOf(device, operation);
  await disk.write(0, bytes);
  await disk.flush();
  return {
    read: await count(() => disk.read(0, 4096).then((result) => result.errno)),
    write: await count(() => disk.write(0, bytes)),
    fua: await count(() => disk.write(0, bytes, true)),
    flush: await count(() => disk.flush()),
    discard: await count(() => disk.discard(8192, 4096)),
    zeroes: await count(() => disk.writeZeroes(16_384, 4096, false)),
  };
}

skippable(
  "fileio: every change of a block device is followed by a flush of its cache",
  async () => {
    await using device = await attachLoopDevice({ sizeBytes: MIB });
    await using bench = new Bench();
    await using disk = await bench.open(device.path, "fileio");
    const { read, write, fua, flush, discard, zeroes } = await flushesPerOperation(
      device.path,
      disk,
    );
    assert.equal(read, 0);
    for (const count of [write, fua, flush, discard, zeroes]) assert(count >= 1);
  },
);

skippable("blockio: a block device is flushed for FUA and flush only", async () => {
  await using device = await attachLoopDevice({ sizeBytes: MIB });
  await using bench = new Bench();
  await using disk = await bench.open(device.path, "blockio");
  const { read, write, fua, flush, discard, zeroes } = await flushesPerOperation(device.path, disk);
  assert.deepEqual({ read, write, discard, zeroes }, { read: 0, write: 0, discard: 0, zeroes: 0 });
  assert(fua >= 1 && flush >= 1);
});

skippable(
  "fileio: a write to a block device is behind the page cache when it is done",
  async () => {
    await using device = await attachLoopDevice({ sizeBytes: MIB });
    await using bench = new Bench();
    await using disk = await bench.open(device.path, "fileio");
    const first = pattern(1, 65_536);
    assert.equal(await disk.write(65_536, first), 0);
    assert.deepEqual(await readRange(device.image, 65_536, 65_536), first);
    // The same write without the back end stays in the cache: the look at the image can fail.
    using file = await Deno.open(device.path, { write: true });
    await file.seek(262_144, Deno.SeekMode.Start);
    await file.write(first);
    assert.deepEqual(await readRange(device.image, 262_144, 65_536), new Uint8Array(65_536));
  },
);

for (const ioMode of ["fileio", "blockio"] as const) {
  skippable(`${ioMode}: a file's writes reach the disk below its file system`, async () => {
    const mkfs = requireCommand("mkfs.ext4", "e2fsprogs");
    await using device = await attachLoopDevice({ sizeBytes: 32 * MIB });
    await runProgram(mkfs, "-q", device.path);
    await using mounted = await mountFileSystem("ext4", device.path, "commit=300");
    await using bench = new Bench();
    const path = `${mounted.path}/disk`;
    await Deno.writeFile(path, pattern(3, MIB));
    await using disk = await bench.open(path, ioMode);
    const flushes = await flushesPerOperation(device.path, disk);
    assert(flushes["fua"]! >= 1 && flushes["flush"]! >= 0);
    if (ioMode === "fileio") {
      for (const kind of ["write", "discard", "zeroes"]) assert(flushes[kind]! >= 1, kind);
    } else assert.equal(flushes["write"], 0);
    const marker = new TextEncoder().encode("rnbd-appliance-durability-marker".repeat(128));
    assert.equal(await disk.write(524_288, marker, true), 0);
    const image = new TextDecoder("latin1").decode(await Deno.readFile(device.image));
    assert(image.includes("rnbd-appliance-durability-marker"));
  });
}

Deno.test("discard gives a file's blocks back; write zeroes without unmap keeps them", async () => {
  await using directory = await temporaryDirectory();
  await using bench = new Bench();
  const path = `${directory.path}/disk`;
  await Deno.writeFile(path, pattern(5, 4 * MIB));
  for (const ioMode of ["fileio", "blockio"] as const) {
    await using disk = await bench.open(path, ioMode);
    const allocated = async () => (await Deno.stat(path)).blocks! * 512;
    for (let at = 0; at < 4 * MIB; at += MIB) {
      assert.equal(await disk.write(at, pattern(at, MIB), true), 0);
    }
    const full = await allocated();
    assert(full >= 4 * MIB);
    assert.equal(await disk.writeZeroes(0, MIB, false), 0);
    assert(await allocated() >= 4 * MIB);
    assert.equal(await disk.discard(MIB, MIB), 0);
    assert(await allocated() <= full - MIB);
    assert.equal(await disk.writeZeroes(2 * MIB, MIB, true), 0);
    assert(await allocated() <= full - 2 * MIB);
    assert.deepEqual((await disk.read(3 * MIB, MIB)).bytes, pattern(3 * MIB, MIB));
  }
  assert.equal((await Deno.stat(path)).size, 4 * MIB);
});

skippable("discard of a loop device gives its image's blocks back", async () => {
  await using device = await attachLoopDevice({ sizeBytes: 4 * MIB, sectorBytes: 4096 });
  await using bench = new Bench();
  for (const ioMode of ["fileio", "blockio"] as const) {
    await using disk = await bench.open(device.path, ioMode);
    for (let at = 0; at < 4 * MIB; at += MIB) await disk.write(at, pattern(at, MIB), true);
    const full = (await Deno.stat(device.image)).blocks! * 512;
    assert.equal(await disk.discard(MIB, 2 * MIB), 0);
    const left = (await Deno.stat(device.image)).blocks! * 512;
    assert(left <= full - 2 * MIB, `${full} bytes before, ${left} after`);
  }
});

Deno.test("a flush in flight with writes ends well, many at once", async () => {
  await using directory = await temporaryDirectory();
  await using bench = new Bench();
  const path = `${directory.path}/disk`;
  await writeSparseFile(path, MIB);
  await using disk = await bench.open(path, "blockio");
  const errnos = await Promise.all(
    Array.from(
      { length: 48 },
      (_, i) => i % 3 === 0 ? disk.flush() : disk.write(i * 4096, pattern(i, 4096), i % 3 === 1),
    ),
  );
  assert(errnos.every((errno) => errno === 0));
});
