/** Mapping, access modes, and what is refused. */
import assert from "node:assert/strict";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import { deviceSize, fill, isReadOnly, RAM_DISK_BYTES, readBack } from "../guest/media.ts";
import { RDMA_ADDRESS_V6 } from "../guest/network.ts";
import { PeerError } from "../guest/peers.ts";
import { run, tryRun } from "../../support/process.ts";

/** Runs something that must be refused with this errno, and keeps the words. */
export async function assertRefused(
  context: CaseContext,
  errno: string,
  what: () => Promise<unknown>,
): Promise<void> {
  let refusal: unknown;
  try {
    await what();
  } catch (error) {
    refusal = error;
  }
  assert.ok(refusal !== undefined, `not refused; expected ${errno}`);
  if (!(refusal instanceof PeerError)) throw refusal;
  assert.equal(refusal.errno, errno, refusal.message);
  context.note(refusal.message);
}

const BLOCK_BYTES = 65536;

async function mapsReadWrite(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  assert.equal(await device.state(), "open");
  assert.equal(await deviceSize(device.path), RAM_DISK_BYTES);
  assert.equal(await isReadOnly(device.path), false);
  await fill(device.path, 0x5a, BLOCK_BYTES, BLOCK_BYTES);
  // What was written here is on the server's disk, and the other way around.
  assert.deepEqual(await readBack("/dev/ram0", BLOCK_BYTES, 512), new Uint8Array(512).fill(0x5a));
  await fill("/dev/ram0", 0xa5, BLOCK_BYTES, 4096);
  const seen = await readBack(device.path, BLOCK_BYTES, 8192);
  assert.deepEqual(seen.subarray(0, 4096), new Uint8Array(4096).fill(0xa5));
  assert.deepEqual(seen.subarray(4096), new Uint8Array(4096).fill(0x5a));
  await device.unmap();
}

async function mapsReadOnly(context: CaseContext): Promise<void> {
  await fill("/dev/ram0", 0x11, 0, 4096);
  const device = await context.map("ram0", { accessMode: "ro" });
  assert.equal(await isReadOnly(device.path), true);
  assert.deepEqual(await readBack(device.path, 0, 512), new Uint8Array(512).fill(0x11));
  await assert.rejects(fill(device.path, 0x22, 0, 512));
  const write = ["if=/dev/zero", `of=${device.path}`, "bs=4096", "count=1", "oflag=direct"];
  assert.notEqual((await tryRun("dd", write)).code, 0);
  await device.unmap();
  assert.deepEqual(await readBack("/dev/ram0", 0, 512), new Uint8Array(512).fill(0x11));
}

async function mapsForMigration(context: CaseContext): Promise<void> {
  const first = await context.map("ram0", { accessMode: "rw" });
  const second = await context.map("ram0", {
    accessMode: "migration",
    sessname: `${context.sessname}-target`,
  });
  await fill(second.path, 0x33, 0, 4096);
  assert.deepEqual(await readBack(first.path, 0, 512), new Uint8Array(512).fill(0x33));
  await first.unmap();
  await fill(second.path, 0x44, 0, 4096);
  assert.deepEqual(await readBack("/dev/ram0", 0, 512), new Uint8Array(512).fill(0x44));
  await second.unmap();
}

async function refusesSecondWriter(context: CaseContext): Promise<void> {
  const first = await context.map("ram0");
  const other = `${context.sessname}-other`;
  await assertRefused(context, "EPERM", () => context.map("ram0", { sessname: other }));
  // A reader is welcome all the same.
  const reader = await context.map("ram0", { sessname: other, accessMode: "ro" });
  await reader.unmap();
  await first.unmap();
}

async function refusesDoubleMapping(context: CaseContext): Promise<void> {
  const first = await context.map("ram0");
  await assertRefused(context, "EEXIST", () => context.map("ram0"));
  assert.equal(await first.state(), "open");
  await first.unmap();
}

async function refusesBadPath(context: CaseContext): Promise<void> {
  await assertRefused(context, "ENOENT", () => context.map("no-such-device"));
}

async function refusesUnreachableServer(context: CaseContext): Promise<void> {
  await context.server();
  const client = await context.client();
  const unused = context.combination.carrier === "ip" ? "10.9.0.77" : "127.0.0.77";
  const options = { sessname: context.sessname, devicePath: "ram0", address: unused };
  await assert.rejects(client.map(options), PeerError);
}

async function mapsOverIpv6(context: CaseContext): Promise<void> {
  const device = await context.map("ram0", { address: RDMA_ADDRESS_V6 });
  await fill(device.path, 0x66, 0, BLOCK_BYTES);
  assert.deepEqual(await readBack("/dev/ram0", 0, 512), new Uint8Array(512).fill(0x66));
  await device.unmap();
}

async function twoDevicesOneSession(context: CaseContext): Promise<void> {
  const devices = [await context.map("ram0"), await context.map("ram1")];
  await Promise.all(devices.map(({ path }, index) => fill(path, index + 1, 0, 4 << 20)));
  for (const [index, name] of ["ram0", "ram1"].entries()) {
    const expected = new Uint8Array(4096).fill(index + 1);
    assert.deepEqual(await readBack(`/dev/${name}`, (4 << 20) - 4096, 4096), expected);
  }
  for (const device of devices) await device.unmap();
}

async function twoSessions(context: CaseContext): Promise<void> {
  const devices = [
    await context.map("ram0"),
    await context.map("ram1", { sessname: `${context.sessname}-b` }),
  ];
  const server = await context.server();
  assert.equal((await server.sessions()).length, 2);
  await Promise.all(devices.map(({ path }, index) => fill(path, index + 7, 0, 1 << 20)));
  // The end of one session is nothing to the other.
  await devices[0]!.unmap();
  const expected = new Uint8Array(4096).fill(8);
  assert.deepEqual(await readBack(devices[1]!.path, 0, 4096), expected);
  await devices[1]!.unmap();
}

async function partitionTable(context: CaseContext): Promise<void> {
  const device = await context.map("ram0");
  const script = "label: gpt\nsize=16MiB\nsize=32MiB\n";
  // Partitions are called after the device, not after a link to it.
  const path = await Deno.realPath(device.path);
  await run("sh", ["-c", `printf '${script}' | sfdisk --quiet ${path}`]);
  await run("blockdev", ["--rereadpt", path]);
  const { stdout } = await run("sfdisk", ["--json", path]);
  const table = JSON.parse(stdout) as { partitiontable: { partitions: { node: string }[] } };
  const nodes = table.partitiontable.partitions.map(({ node }) => node);
  assert.equal(nodes.length, 2);
  await fill(nodes[1]!, 0x77, 0, 4096);
  assert.deepEqual(await readBack(nodes[1]!, 0, 512), new Uint8Array(512).fill(0x77));
  await run("dd", ["if=/dev/zero", `of=${path}`, "bs=1M", "count=1", "oflag=direct"]);
  await run("blockdev", ["--rereadpt", path]);
  await device.unmap();
}

/** Cases of this file. */
export const MAPPING_CASES: readonly GuestCase[] = [
  { name: "maps read-write and both sides see the same data", run: mapsReadWrite },
  { name: "maps read-only and refuses writes", run: mapsReadOnly },
  { name: "maps for migration beside a writer", run: mapsForMigration },
  { name: "refuses a second writer with EPERM", run: refusesSecondWriter },
  { name: "refuses to map a device twice with EEXIST", run: refusesDoubleMapping },
  { name: "refuses a device that is not there with ENOENT", run: refusesBadPath },
  // The kernel waits for 30 s, so once is enough.
  {
    name: "says that a server cannot be reached",
    appliesTo: ({ server }) => server === "kernel",
    run: refusesUnreachableServer,
  },
  {
    name: "maps over IPv6",
    appliesTo: ({ carrier }) => carrier === "ip",
    run: mapsOverIpv6,
  },
  { name: "two devices in one session", run: twoDevicesOneSession },
  { name: "two sessions, and the end of one", run: twoSessions },
  { name: "a partition table", run: partitionTable },
];
