/** The programs that people use, against the NBD exposure with a disk in memory. */
import assert from "node:assert/strict";
import { FIO_VERIFY_ERROR, parseFio } from "../support/fio.ts";
import { run, sleep, tryRun } from "../support/process.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import {
  readRange,
  sha256File,
  temporaryDirectory,
  writeRandomFile,
} from "../support/temporary.ts";
import { fakeDiskOptions } from "./harness/fake_disk.ts";
import { NbdServer } from "./harness/nbd_server.ts";
import { RawClient } from "./harness/raw_client.ts";
import { BLOCK_OP } from "../../src/rnbd/block_queue.ts";
import { COMMAND } from "../../src/nbd/protocol.ts";

const KIB = 2 ** 10;
const MIB = 2 ** 20;
const SIZE = 64 * MIB;

function fioArguments(server: NbdServer, options: Record<string, string | number>): string[] {
  const all = {
    name: "job",
    ioengine: "nbd",
    uri: server.uri,
    "output-format": "json",
    ...options,
  };
  return Object.entries(all).map(([key, value]) => `--${key}=${value}`);
}

const VERIFY = { rw: "randwrite", verify: "crc32c", verify_fatal: 1, verify_state_save: 0 };

skippable("fio's verification notices a planted corruption, and finds none of ours", async (t) => {
  const fio = requireCommand("fio", "fio");
  const disk = fakeDiskOptions({}, { reorderSeed: 21 });
  await using server = await NbdServer.start({ disk });
  await t.step("a planted corruption is noticed", async () => {
    const job = { ...VERIFY, bs: 4096, iodepth: 16, size: MIB };
    await run(fio, fioArguments(server, { ...job, do_verify: 0 }));
    server.content[5 * 4096 + 100]! ^= 1;
    const { stdout } = await tryRun(fio, fioArguments(server, { ...job, verify_only: 1 }));
    assert.equal(parseFio(stdout)[0]!.error, FIO_VERIFY_ERROR);
  });
  for (const bs of [512, 4 * KIB, 64 * KIB, MIB]) {
    for (const iodepth of [1, 16, 64]) {
      await t.step(`bs=${bs} iodepth=${iodepth}`, async () => {
        const size = Math.min(Math.max(512 * bs, MIB), 32 * MIB);
        const job = { ...VERIFY, bs, iodepth, size };
        const { stdout } = await run(fio, fioArguments(server, job));
        const [result] = parseFio(stdout);
        assert.equal(result!.error, 0);
        assert.equal(result!.write.total_ios, size / bs);
        assert.equal(result!.read.total_ios, size / bs);
      });
    }
  }
});

skippable("fio verifies with FUA, flushes, trims and mixed sizes in disorder", async () => {
  const fio = requireCommand("fio", "fio");
  const disk = fakeDiskOptions({ fua: false }, { reorderSeed: 4, permits: 20, delayUs: 100 });
  await using server = await NbdServer.start({ disk });
  const job = { ...VERIFY, bsrange: "512-256k", iodepth: 32, size: "32m", fsync: 16 };
  const { stdout } = await run(fio, fioArguments(server, job));
  assert.equal(parseFio(stdout)[0]!.error, 0);
  assert.ok(server.log.some(({ operation }) => operation === BLOCK_OP.FLUSH));
  const trims = { rw: "randtrim", bs: "64k", iodepth: 16, size: "16m" };
  assert.equal(parseFio((await run(fio, fioArguments(server, trims))).stdout)[0]!.error, 0);
  assert.ok(server.log.some(({ operation }) => operation === BLOCK_OP.DISCARD));
});

skippable("nbdinfo describes and lists the export", async () => {
  const nbdinfo = requireCommand("nbdinfo", "libnbd-bin");
  await using server = await NbdServer.start({ disk: fakeDiskOptions() });
  const { stdout } = await run(nbdinfo, ["--json", "--list", server.uri]);
  const info = JSON.parse(stdout);
  assert.equal(info.protocol, "newstyle-fixed");
  assert.equal(info.structured, true);
  const [only] = info.exports;
  assert.equal(only["export-name"], "disk");
  assert.equal(only.description, "a disk of the tests");
  assert.equal(only["export-size"], SIZE);
  assert.equal(only.block_size_minimum, 512);
  assert.equal(only.block_size_preferred, 4096);
  assert.equal(only.block_size_maximum, 32 * MIB);
  for (const can of ["df", "flush", "fua", "multi_conn", "trim", "zero"]) {
    assert.equal(only[`can_${can}`], true, can);
  }
  assert.equal(only.can_fast_zero, false);
  const named = `nbd+unix:///disk?socket=${server.path}`;
  assert.equal((await run(nbdinfo, ["--size", named])).stdout.trim(), String(SIZE));
  const wrong = `nbd+unix:///other?socket=${server.path}`;
  assert.match(
    (await tryRun(nbdinfo, [wrong])).stderr,
    /No such file or directory for export: other/,
  );
});

skippable("nbdcopy copies both ways over one connection and over four", async (t) => {
  const nbdcopy = requireCommand("nbdcopy", "libnbd-bin");
  await using directory = await temporaryDirectory();
  const source = `${directory.path}/source`;
  await writeRandomFile(source, SIZE);
  const expected = await sha256File(source);
  await using server = await NbdServer.start({ disk: fakeDiskOptions(), reactors: 2 });
  for (const connections of [1, 4]) {
    await t.step(`${connections} connections`, async () => {
      server.content.fill(0);
      const back = `${directory.path}/back-${connections}`;
      const many = [`--connections=${connections}`, `--threads=${connections}`, "--requests=32"];
      await run(nbdcopy, [...many, "--flush", source, server.uri]);
      await run(nbdcopy, [...many, server.uri, back]);
      assert.equal(await sha256File(back), expected);
    });
  }
  assert.ok(server.counter("nbd_connections_opened") >= 10);
});

skippable("qemu-img and qemu-io read, write, zero, discard and flush", async () => {
  const qemuImg = requireCommand("qemu-img", "qemu-utils");
  const qemuIo = requireCommand("qemu-io", "qemu-utils");
  await using directory = await temporaryDirectory();
  const source = `${directory.path}/source`;
  const back = `${directory.path}/back`;
  await writeRandomFile(source, SIZE);
  await using server = await NbdServer.start({ disk: fakeDiskOptions({}, { reorderSeed: 2 }) });
  const info = JSON.parse((await run(qemuImg, ["info", "--output=json", server.uri])).stdout);
  assert.equal(info["virtual-size"], SIZE);
  await run(qemuImg, ["convert", "-n", "-O", "raw", source, server.uri]);
  await run(qemuImg, ["convert", "-O", "raw", server.uri, back]);
  assert.equal(await sha256File(back), await sha256File(source));
  server.clearLog();
  const commands = ["write -P 0x5a 1M 1M", "write -z 1M 64k", "write -z -u 1088k 64k"]
    .concat("discard 8M 40M", "write -f -P 3 2M 4k", "flush", "read -P 0 1M 128k")
    .concat("read -P 0x5a 1152k 896k", "read -P 3 2M 4k");
  const args = ["-f", "raw", ...commands.flatMap((command) => ["-c", command]), server.uri];
  const { stdout } = await run(qemuIo, args);
  assert.doesNotMatch(stdout, /fail|error/i);
  const operations = new Set(server.log.map(({ operation }) => operation));
  for (const name of ["READ", "WRITE", "FLUSH", "DISCARD", "WRITE_ZEROES"] as const) {
    assert.ok(operations.has(BLOCK_OP[name]), name);
  }
  const beyond = await tryRun(qemuIo, ["-f", "raw", "-c", "read 64M 4k", server.uri]);
  assert.match(beyond.stdout + beyond.stderr, /Input\/output error|past end|failed/);
});

skippable("qemu-io sees the device's errors", async () => {
  const qemuIo = requireCommand("qemu-io", "qemu-utils");
  const failures = [{ operation: BLOCK_OP.READ, from: MIB, to: 2 * MIB, errno: 5 }];
  await using server = await NbdServer.start({ disk: fakeDiskOptions({}, { failures }) });
  const read = async (where: string) => {
    const { stdout, stderr } = await tryRun(qemuIo, [
      "-f",
      "raw",
      "-c",
      `read ${where}`,
      server.uri,
    ]);
    return stdout + stderr;
  };
  assert.match(await read("1M 4k"), /Input\/output error/);
  assert.match(await read("0 4M"), /Input\/output error/);
  assert.match(await read("2M 4k"), /read 4096\/4096 bytes/);
});

skippable("a disk with 4 KiB blocks works with clients that heed the minimum", async () => {
  const qemuIo = requireCommand("qemu-io", "qemu-utils");
  const nbdcopy = requireCommand("nbdcopy", "libnbd-bin");
  await using directory = await temporaryDirectory();
  await using server = await NbdServer.start({
    disk: fakeDiskOptions({ logicalBlockBytes: 4096, sizeBytes: SIZE }),
  });
  const commands = [
    "write -P 9 512 1k",
    "read -P 9 512 1k",
    "read -P 0 0 512",
    "read -P 0 1536 512",
  ];
  await run(qemuIo, ["-f", "raw", ...commands.flatMap((one) => ["-c", one]), server.uri]);
  const back = `${directory.path}/back`;
  await run(nbdcopy, [server.uri, back]);
  assert.deepEqual(await readRange(back, 0, 4096), server.content.slice(0, 4096));
});

skippable("killing a client under load leaves nothing behind and hurts nobody", async () => {
  const fio = requireCommand("fio", "fio");
  await using server = await NbdServer.start({ disk: fakeDiskOptions({}, { reorderSeed: 8 }) });
  using witness = await RawClient.open(server.path);
  const loads = [
    { rw: "randrw", bs: "4k", iodepth: 64 },
    { rw: "randwrite", bs: "1m", iodepth: 16 },
    { rw: "randread", bs: "1m", iodepth: 16 },
  ];
  for (const load of loads) {
    const job = { ...load, size: "32m", time_based: 1, runtime: 30, thread: 1 };
    const child = new Deno.Command(fio, {
      args: fioArguments(server, job),
      stdout: "null",
      stderr: "null",
    }).spawn();
    await sleep(700);
    child.kill("SIGKILL");
    await child.status;
    const deadline = Date.now() + 3000;
    for (;;) {
      const { connections, permitsOut } = await server.figures();
      if (connections === 1 && permitsOut === 0) break;
      assert.ok(Date.now() < deadline, `${connections} connections, ${permitsOut} permits left`);
      await sleep(20);
    }
    assert.equal((await witness.call({ command: COMMAND.READ, length: 4096 })).error, 0);
  }
});
