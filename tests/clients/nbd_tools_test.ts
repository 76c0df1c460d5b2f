/** nbdinfo and QEMU's tools on a mapped disk; what they do is checked in the server's file. */
import assert from "node:assert/strict";
import { nbdUri } from "../support/appliance.ts";
import { type Pair, startPair } from "../support/pair.ts";
import { run, tryRun } from "../support/process.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { readRange, sha256File, writeRandomFile } from "../support/temporary.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 32 * MIB;

const startRandomDisk = (accessMode: "ro" | "rw" = "rw"): Promise<Pair> =>
  startPair(
    { disks: [{ name: "disk.img", backend: "path", accessMode }] },
    (images) => writeRandomFile(`${images}/disk.img`, DISK_BYTES),
  );

/** The URI as QEMU's tools take it. */
const qemuUri = (socket: string) => `nbd:unix:${socket}`;

interface NbdInfo {
  readonly protocol: string;
  readonly structured: boolean;
  readonly exports: readonly Record<string, unknown>[];
}

skippable("nbdinfo --list --json shows the mapped disk and what it can do", async () => {
  const nbdinfo = requireCommand("nbdinfo", "libnbd-bin");
  await using pair = await startRandomDisk();
  const uri = nbdUri(await pair.client.nbdSocket("disk.img"));
  const { stdout } = await run(nbdinfo, ["--list", "--json", uri]);
  const info = JSON.parse(stdout) as NbdInfo;
  assert.equal(info.protocol, "newstyle-fixed");
  assert.equal(info.structured, true);
  assert.equal(info.exports.length, 1);
  const disk = info.exports[0]!;
  assert.equal(disk["export-size"], DISK_BYTES);
  assert.equal(disk["is_read_only"], false);
  for (const can of ["can_flush", "can_fua", "can_trim", "can_zero", "can_multi_conn"]) {
    assert.equal(disk[can], true, can);
  }
  assert.equal(disk["block_size_minimum"], 512);

  const single = JSON.parse((await run(nbdinfo, ["--json", uri])).stdout) as NbdInfo;
  assert.equal(single.exports[0]!["export-size"], DISK_BYTES);
});

skippable("a disk mapped ro is read-only to NBD clients", async () => {
  const nbdinfo = requireCommand("nbdinfo", "libnbd-bin");
  const qemuIo = requireCommand("qemu-io", "qemu-utils");
  await using pair = await startRandomDisk("ro");
  const socket = await pair.client.nbdSocket("disk.img");
  const before = await sha256File(`${pair.images}/disk.img`);
  const { stdout } = await run(nbdinfo, ["--json", nbdUri(socket)]);
  assert.equal((JSON.parse(stdout) as NbdInfo).exports[0]!["is_read_only"], true);
  const write = await tryRun(qemuIo, ["-f", "raw", "-c", "write 0 4096", qemuUri(socket)]);
  assert.notEqual(write.code, 0);
  assert.equal(await sha256File(`${pair.images}/disk.img`), before);
});

skippable("qemu-img sees the disk and converts it both ways", async () => {
  const qemuImg = requireCommand("qemu-img", "qemu-utils");
  await using pair = await startRandomDisk();
  const socket = await pair.client.nbdSocket("disk.img");
  const image = `${pair.images}/disk.img`;
  const { stdout } = await run(qemuImg, ["info", "-f", "raw", "--output=json", qemuUri(socket)]);
  assert.equal((JSON.parse(stdout) as Record<string, unknown>)["virtual-size"], DISK_BYTES);

  const qcow2 = `${pair.scratch}/out.qcow2`;
  await run(qemuImg, ["convert", "-f", "raw", "-O", "qcow2", qemuUri(socket), qcow2]);
  await run(qemuImg, ["compare", "-f", "qcow2", "-F", "raw", qcow2, image]);

  const other = `${pair.scratch}/other.img`;
  await writeRandomFile(other, DISK_BYTES);
  // -n: the target exists and keeps its size.
  await run(qemuImg, ["convert", "-n", "-f", "raw", "-O", "raw", other, qemuUri(socket)]);
  assert.equal(await sha256File(image), await sha256File(other));
  const differs = await tryRun(qemuImg, ["compare", "-f", "qcow2", "-F", "raw", qcow2, image]);
  assert.equal(differs.code, 1, "qemu-img compare notices a difference");
});

skippable("qemu-io discard and write-zeroes reach the server's file", async (t) => {
  const qemuIo = requireCommand("qemu-io", "qemu-utils");
  await using pair = await startRandomDisk();
  const socket = await pair.client.nbdSocket("disk.img");
  const image = `${pair.images}/disk.img`;
  const command = (...commands: string[]) =>
    run(qemuIo, [
      "-f",
      "raw",
      ...commands.flatMap((text) => ["-c", text]),
      "-c",
      "flush",
      qemuUri(socket),
    ]);
  const allocated = async () => (await Deno.stat(image)).blocks! * 512;
  const isZero = (bytes: Uint8Array) => bytes.every((byte) => byte === 0);

  await t.step("discard punches a hole of exactly that range", async () => {
    const before = await allocated();
    await command(`discard ${4 * MIB} ${8 * MIB}`);
    assert.equal(await allocated(), before - 8 * MIB);
    assert.ok(isZero(await readRange(image, 4 * MIB, 8 * MIB)));
    assert.ok(!isZero(await readRange(image, 4 * MIB - 4096, 4096)));
    assert.ok(!isZero(await readRange(image, 12 * MIB, 4096)));
  });
  await t.step("write-zeroes", async () => {
    await command(`write -z ${16 * MIB + 512} 65536`);
    assert.ok(isZero(await readRange(image, 16 * MIB + 512, 65536)));
    assert.ok(!isZero(await readRange(image, 16 * MIB, 512)));
    assert.ok(!isZero(await readRange(image, 16 * MIB + 512 + 65536, 512)));
  });
  await t.step("write-zeroes that may unmap", async () => {
    const before = await allocated();
    await command(`write -z -u ${20 * MIB} ${MIB}`);
    assert.ok(isZero(await readRange(image, 20 * MIB, MIB)));
    assert.ok(await allocated() <= before);
  });
  await t.step("a pattern with FUA is read back and is in the file", async () => {
    await command(`write -f -P 0xa5 ${24 * MIB} 65536`, `read -P 0xa5 ${24 * MIB} 65536`);
    const bytes = await readRange(image, 24 * MIB, 65536);
    assert.ok(bytes.every((byte) => byte === 0xa5));
  });
  await t.step("reading with the wrong pattern is noticed", async () => {
    const { stdout, code } = await tryRun(qemuIo, [
      "-f",
      "raw",
      "-c",
      `read -P 0x5a ${24 * MIB} 512`,
      qemuUri(socket),
    ]);
    assert.ok(code !== 0 || /Pattern verification failed/.test(stdout));
  });
});
