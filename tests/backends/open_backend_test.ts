import assert from "node:assert/strict";
import { SystemError } from "../../src/ffi/errno.ts";
import {
  asReadOnly,
  makeMemoryBackend,
  makeNullBackend,
  openBackend,
  releaseMemoryBackend,
  reopenBackend,
} from "../../src/rnbd/server/open_backend.ts";
import {
  attachLoopDevice,
  mountFileSystem,
  requireLoopDevices,
  runProgram,
} from "../support/loop_device.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { temporaryDirectory, writeSparseFile } from "../support/temporary.ts";
import { Bench, pattern } from "./bench.ts";

const MIB = 2 ** 20;

async function refused(
  bench: Bench,
  path: string,
  errno: number,
  accessMode: "ro" | "rw" = "rw",
  ioMode: "fileio" | "blockio" = "fileio",
): Promise<void> {
  const before = openDescriptors();
  await assert.rejects(openBackend(bench.loop, { path, accessMode, ioMode }), (error) => {
    assert(error instanceof SystemError, String(error));
    assert.equal(error.errno, errno, error.message);
    assert(error.message.includes(path), error.message);
    return true;
  });
  assert.equal(openDescriptors(), before);
}

const openDescriptors = () => [...Deno.readDirSync("/proc/self/fd")].length;

Deno.test("openBackend() finds size, blocks and identity of a file", async () => {
  await using directory = await temporaryDirectory();
  await using bench = new Bench();
  const path = `${directory.path}/disk`;
  await writeSparseFile(path, MIB + 700);
  const info = await Deno.stat(path);
  await using buffered = await bench.open(path, "fileio");
  assert.equal(buffered.geometry.sizeBytes, MIB + 512);
  assert.equal(buffered.geometry.logicalBlockBytes, 512);
  assert.equal(buffered.geometry.physicalBlockBytes, 4096);
  assert.equal(buffered.geometry.writeCache, false);
  assert.equal(buffered.geometry.secureErase, false);
  assert.equal(buffered.geometry.readOnly, false);
  assert(buffered.geometry.maxDiscardSectors > 0);
  assert.equal(buffered.geometry.maxDiscardSectors % 1, 0);
  assert.match(buffered.ticket.identity, new RegExp(`^file \\d+:\\d+:${info.ino}$`));
  await using direct = await bench.open(path, "blockio", "ro");
  assert.equal(direct.geometry.writeCache, true);
  assert.equal(direct.geometry.fua, true);
  assert.equal(direct.geometry.readOnly, true);
  assert.equal(direct.geometry.maxDiscardSectors, 0);
  assert.equal(direct.geometry.maxWriteZeroesSectors, 0);
  assert.equal(direct.ticket.identity, buffered.ticket.identity);
  assert.deepEqual(structuredClone(direct.ticket), direct.ticket);
});

Deno.test("openBackend() leaves a file as it was while it looks", async () => {
  await using directory = await temporaryDirectory();
  await using bench = new Bench();
  for (const bytes of [0, 100, 4096, 5000, MIB]) {
    const path = `${directory.path}/disk-${bytes}`;
    const content = pattern(bytes, bytes);
    await Deno.writeFile(path, content);
    const before = await Deno.stat(path);
    for (const ioMode of ["fileio", "blockio"] as const) {
      await using disk = await bench.open(path, ioMode);
      assert.equal(disk.geometry.sizeBytes, Math.floor(bytes / 512) * 512);
    }
    assert.deepEqual(await Deno.readFile(path), content);
    const after = await Deno.stat(path);
    assert.equal(after.size, before.size);
    assert.equal(after.blocks, before.blocks);
  }
});

Deno.test("openBackend() refuses what is neither file nor block device", async () => {
  await using directory = await temporaryDirectory();
  await using bench = new Bench();
  const ENOTBLK = 15;
  const at = (name: string) => `${directory.path}/${name}`;
  await refused(bench, directory.path, ENOTBLK);
  await refused(bench, directory.path, ENOTBLK, "ro");
  await refused(bench, "/dev/null", ENOTBLK);
  // Nobody writes to it: an ordinary open would wait for ever.
  await runProgram("mkfifo", at("fifo"));
  await refused(bench, at("fifo"), ENOTBLK, "ro");
  const listener = Deno.listen({ transport: "unix", path: at("socket") });
  await refused(bench, at("socket"), ENOTBLK);
  listener.close();
});

Deno.test("openBackend() passes the errno of the open on", async () => {
  await using directory = await temporaryDirectory();
  await using bench = new Bench();
  const at = (name: string) => `${directory.path}/${name}`;
  const [ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP] = [2, 20, 36, 40];
  await writeSparseFile(at("disk"), MIB);
  await refused(bench, at("missing"), ENOENT);
  await refused(bench, at("disk/below"), ENOTDIR);
  await refused(bench, at("x".repeat(300)), ENAMETOOLONG);
  await refused(bench, at("x".repeat(8200)), ENAMETOOLONG);
  if (Deno.uid() !== 0) {
    const EACCES = 13;
    await Deno.chmod(at("disk"), 0o444);
    await refused(bench, at("disk"), EACCES);
    await (await bench.open(at("disk"), "fileio", "ro"))[Symbol.asyncDispose]();
  }
  await Deno.symlink(at("self"), at("self"));
  await refused(bench, at("self"), ELOOP);
  await Deno.symlink(at("gone"), at("dangling"));
  await refused(bench, at("dangling"), ENOENT);
});

Deno.test("openBackend() follows the administrator's links, but no magic link", async () => {
  await using inside = await temporaryDirectory();
  await using outside = await temporaryDirectory();
  await using bench = new Bench();
  const target = `${outside.path}/disk`;
  await writeSparseFile(target, MIB);
  await Deno.symlink(target, `${inside.path}/link`);
  await using disk = await bench.open(`${inside.path}/link`);
  await using same = await bench.open(target, "fileio", "ro");
  assert.equal(disk.ticket.identity, same.ticket.identity);
  using file = await Deno.open(target);
  const fd = [...Deno.readDirSync("/proc/self/fd")].map((entry) => entry.name)
    .find((name) => Deno.readLinkSync(`/proc/self/fd/${name}`) === target)!;
  assert(file !== undefined && fd !== undefined);
  await refused(bench, `/proc/self/fd/${fd}`, 40, "ro");
});

Deno.test("openBackend() and closeBackend() leak neither descriptors nor memory", async () => {
  await using directory = await temporaryDirectory();
  await using bench = new Bench();
  const path = `${directory.path}/disk`;
  await writeSparseFile(path, MIB);
  await (await bench.open(path))[Symbol.asyncDispose]();
  const descriptors = openDescriptors();
  const memory = bench.memory.usedBytes;
  for (let i = 0; i < 200; i++) {
    const disk = await bench.open(path, i % 2 === 0 ? "fileio" : "blockio");
    assert.equal(await disk.write(0, pattern(i, 4096)), 0);
    await disk[Symbol.asyncDispose]();
  }
  assert.equal(openDescriptors(), descriptors);
  assert.equal(bench.memory.usedBytes, memory);
});

Deno.test("reopenBackend() opens the same disk once more", async () => {
  await using directory = await temporaryDirectory();
  await using bench = new Bench();
  const path = `${directory.path}/disk`;
  await writeSparseFile(path, MIB);
  for (const ioMode of ["fileio", "blockio"] as const) {
    await using first = await bench.open(path, ioMode);
    // Under another name by now: the disk is meant, not the name.
    await Deno.rename(path, `${path}-moved`);
    await using second = bench.disk(await reopenBackend(bench.loop, first.ticket));
    await Deno.rename(`${path}-moved`, path);
    assert.deepEqual({ ...second.ticket, fd: 0 }, { ...first.ticket, fd: 0 });
    assert.equal(await first.write(4096, pattern(1, 4096), true), 0);
    assert.deepEqual((await second.read(4096, 4096)).bytes, pattern(1, 4096));
    assert.equal(await second.write(4096, pattern(2, 4096), true), 0);
    assert.deepEqual((await first.read(4096, 4096)).bytes, pattern(2, 4096));
  }
  await using reader = await bench.open(path, "fileio", "ro");
  await using again = bench.disk(await reopenBackend(bench.loop, reader.ticket));
  assert.equal(await again.write(0, pattern(1, 4096)), 9);
});

Deno.test("makeMemoryBackend() gives one disk to all, zeroed again when it is freed", async () => {
  await using bench = new Bench();
  const before = bench.memory.usedBytes;
  const ticket = makeMemoryBackend(bench.memory, "scratch", MIB + 100, 4096);
  assert.equal(ticket.geometry.sizeBytes, MIB);
  const first = bench.disk(ticket);
  const second = bench.disk(asReadOnly(ticket));
  assert.equal(second.geometry.readOnly, true);
  assert.equal(second.ticket.identity, ticket.identity);
  const content = pattern(1, 8192);
  assert.equal(await first.write(4096, content), 0);
  assert.deepEqual((await second.read(4096, 8192)).bytes, content);
  first.queue.close();
  second.queue.close();
  releaseMemoryBackend(bench.memory, ticket);
  const again = makeMemoryBackend(bench.memory, "scratch", MIB, 4096);
  await using disk = bench.disk(again);
  assert.deepEqual((await disk.read(0, MIB)).bytes, new Uint8Array(MIB));
  assert(bench.memory.usedBytes > before);
  assert.throws(() => makeMemoryBackend(bench.memory, "huge", 2 ** 50, 512), /memory disk huge/);
  assert.equal(makeNullBackend("nothing", 2 ** 50, 512).geometry.sizeBytes, 2 ** 50);
});

for (const sectorBytes of [512, 4096]) {
  skippable(`openBackend() reads the limits of a ${sectorBytes}-byte loop device`, async () => {
    await using device = await attachLoopDevice({ sizeBytes: 8 * MIB, sectorBytes });
    await using bench = new Bench();
    await using disk = await bench.open(device.path, "blockio");
    const name = device.path.slice("/dev/".length);
    const queue = async (attribute: string) =>
      (await Deno.readTextFile(`/sys/block/${name}/queue/${attribute}`)).trim();
    assert.equal(disk.geometry.sizeBytes, 8 * MIB);
    assert.equal(disk.geometry.logicalBlockBytes, sectorBytes);
    assert.equal(disk.geometry.physicalBlockBytes, Number(await queue("physical_block_size")));
    assert.equal(disk.geometry.writeCache, await queue("write_cache") === "write back");
    assert.equal(disk.geometry.rotational, await queue("rotational") === "1");
    const discardBytes = Number(await queue("discard_max_bytes"));
    assert(discardBytes > 0);
    assert(disk.geometry.maxDiscardSectors * 512 <= discardBytes);
    assert(disk.geometry.maxDiscardSectors * 512 > discardBytes - 2 * sectorBytes);
    assert(disk.geometry.discardGranularityBytes >= sectorBytes);
    assert.equal((disk.geometry.maxDiscardSectors * 512) % sectorBytes, 0);
    const rdev = (await Deno.stat(device.path)).rdev!;
    assert.equal(disk.ticket.identity, `block ${rdev >> 8}:${rdev & 0xff}`);
    await using buffered = await bench.open(device.path, "fileio");
    assert.equal(buffered.geometry.writeCache, false);
  });
}

skippable("openBackend() opens read-only media for readers only", async () => {
  await using device = await attachLoopDevice({ sizeBytes: MIB, readOnly: true });
  await using bench = new Bench();
  const EROFS = 30;
  await refused(bench, device.path, EROFS);
  await refused(bench, device.path, EROFS, "rw", "blockio");
  await using disk = await bench.open(device.path, "fileio", "ro");
  assert.equal(disk.geometry.readOnly, true);
  assert.equal((await disk.read(0, 4096)).errno, 0);
  await using mounted = await mountFileSystem("tmpfs", "none", "size=1m");
  await writeSparseFile(`${mounted.path}/disk`, MIB);
  await runProgram("mount", "-o", "remount,ro", mounted.path);
  await refused(bench, `${mounted.path}/disk`, EROFS);
  await using file = await bench.open(`${mounted.path}/disk`, "fileio", "ro");
  assert.equal(file.geometry.sizeBytes, MIB);
});

skippable("openBackend() knows the limits of a partition from its disk", async () => {
  requireLoopDevices();
  const addpart = requireCommand("addpart", "util-linux");
  await using device = await attachLoopDevice({ sizeBytes: 8 * MIB });
  await runProgram(addpart, device.path, "1", "2048", "8192");
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(async () => void await runProgram("delpart", device.path, "1"));
  await using bench = new Bench();
  await using whole = await bench.open(device.path);
  await using part = await bench.open(`${device.path}p1`);
  assert.equal(part.geometry.sizeBytes, 4 * MIB);
  assert.equal(part.geometry.rotational, whole.geometry.rotational);
  assert.equal(part.geometry.maxDiscardSectors, whole.geometry.maxDiscardSectors);
  assert(part.geometry.maxDiscardSectors > 0);
  assert.notEqual(part.ticket.identity, whole.ticket.identity);
  assert.equal(await part.write(0, pattern(1, 4096)), 0);
  assert.deepEqual((await whole.read(MIB, 4096)).bytes, pattern(1, 4096));
});
