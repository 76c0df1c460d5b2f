/** Mappings that a server refuses: the errno and the words at the client, the log at the server. */
import assert from "node:assert/strict";
import { run, waitFor } from "../../support/process.ts";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import { kernelLogSince, markKernelLog } from "../guest/kernel_log.ts";
import { loopDevice } from "../guest/media.ts";
import { type MapOptions, PeerError } from "../guest/peers.ts";
import { RawClient } from "../guest/raw_client.ts";
import { RawNode } from "../guest/raw_node.ts";

const LOOP_BYTES = 16 << 20;
const LOG_TIMEOUT_MS = 20_000;
const NAME_FREE_TIMEOUT_MS = 60_000;
const CASE_TIMEOUT_MS = 240_000;

/** What is expected of a refused mapping. */
interface Refusal {
  readonly errno: string;
  /** In the message of our client. */
  readonly ours: RegExp;
  /** In the kernel's log, of its client. */
  readonly kernel: RegExp;
  /** In the log of our server; nothing when it never hears of it. */
  readonly server?: RegExp;
}

/** How the kernel's client logs the answer to OPEN. */
const answered = (errno: number): RegExp =>
  new RegExp(`rnbd_client .*Opening failed, server responded: -${errno}$`, "m");

/** Maps, and judges how that is refused on both sides. */
async function assertSaid(
  context: CaseContext,
  devicePath: string,
  options: Partial<MapOptions>,
  refusal: Refusal,
): Promise<void> {
  const client = await context.client();
  const { process } = await context.server();
  const logStart = process?.log.length ?? 0;
  const mark = await markKernelLog();
  const refused = await context.map(devicePath, options).then(() => undefined, (e: unknown) => e);
  assert.ok(refused instanceof PeerError, `not refused; expected ${refusal.errno}: ${refused}`);
  assert.equal(refused.errno, refusal.errno, refused.message);
  const kernelLog = (await kernelLogSince(mark)).filter((line) => /rnbd_|rtrs_/.test(line));
  for (const line of [refused.message, ...kernelLog]) context.note(line);
  if (client.kind === "ours") assert.match(refused.message, refusal.ours);
  else assert.match(kernelLog.join("\n"), refusal.kernel);
  const { server } = refusal;
  if (process === undefined || server === undefined) return;
  const isSaid = () => server.test(process.log.slice(logStart));
  await waitFor(isSaid, LOG_TIMEOUT_MS, `${server} in the server's log`);
}

async function refusesTakenName(context: CaseContext): Promise<void> {
  await context.server();
  const node = context.use(new RawNode());
  const { sessname } = context;
  const holder = await RawClient.open(node, sessname);
  await assertSaid(context, "ram0", {}, {
    errno: "ECONNRESET",
    ours: new RegExp(`when it was told the session's name, ${sessname}: another client may have`),
    kernel: /rtrs_client .*rtrs_send_path_info\(\) failed: err=-104/,
    server: new RegExp(`client refused .*reason=info_name_taken .*${sessname} is held by another`),
  });
  assert.equal(await holder.open("ram0", "rw"), 0, "the holder of the name goes on");
  await holder.close();
  const server = await context.server();
  const isFree = async () => (await server.sessions()).length === 0;
  await waitFor(isFree, NAME_FREE_TIMEOUT_MS, "the name to be free");
  const device = await context.map("ram0");
  await device.unmap();
}

async function refusesReadOnlyDevice(context: CaseContext): Promise<void> {
  const loop = context.use(await loopDevice(LOOP_BYTES));
  await run("blockdev", ["--setro", loop.path]);
  const { kind } = await context.server();
  await assertSaid(context, loop.name, { accessMode: "rw" }, {
    // The kernel's open says EACCES, which reads as a wrong owner.
    errno: kind === "ours" ? "EROFS" : "EACCES",
    ours: kind === "ours"
      ? /read-only at the server; use access_mode ro/
      : /the server may not open it, or it is read-only there: try access_mode ro/,
    kernel: kind === "ours" ? answered(30) : answered(13),
    server: /open refused .*errno="EROFS .*\/dev\/loop/,
  });
  const device = await context.map(loop.name, { accessMode: "ro" });
  await device.unmap();
}

async function refusesNames(context: CaseContext): Promise<void> {
  const { kind } = await context.client();
  await assertSaid(context, "no-such-device", {}, {
    errno: "ENOENT",
    ours:
      /refused to open no-such-device \(rw\): ENOENT .*no such device below its dev_search_path/,
    kernel: answered(2),
    server: /open refused .*mapping_path=no-such-device errno="ENOENT .*\/dev\/no-such-device/,
  });
  await assertSaid(context, "shm", { accessMode: "ro" }, {
    errno: "ENOTBLK",
    ours: /refused to open shm \(ro\): ENOTBLK .*neither a block device nor a file/,
    kernel: answered(15),
    server: /open refused .*mapping_path=shm errno="ENOTBLK .*a directory/,
  });
  await assertSaid(context, "../dev/ram1", {}, {
    errno: "EINVAL",
    ours: /device_path.*holds "\.\."/,
    kernel: answered(22),
    // Our client sees for itself that no server takes it.
    ...(kind === "ours" ? {} : { server: /open refused .*errno="EINVAL .*the name holds '\.\.'/ }),
  });
}

const refused = (name: string, run: GuestCase["run"]): GuestCase => ({
  name: `refused mapping: ${name}`,
  run,
  timeoutMs: CASE_TIMEOUT_MS,
  appliesTo: ({ carrier }) => carrier === "ip",
});

/** Cases of this file. */
export const REFUSED_MAPPING_CASES: readonly GuestCase[] = [
  refused("a session name that another client holds", refusesTakenName),
  refused("a read-only device for writing", refusesReadOnlyDevice),
  refused("names that lead to no device", refusesNames),
];
