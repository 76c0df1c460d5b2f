/**
 * What a server refuses: a raw client says wrong things to ours, and the same to the kernel's for
 * reference. Both give the same errno; ours also counts and logs the reason.
 */
import assert from "node:assert/strict";
import { waitFor } from "../../support/process.ts";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import type { BlockServer, Combination } from "../guest/peers.ts";
import { connectBytes, infoBytes, randomUuid, RawClient } from "../guest/raw_client.ts";
import { RawNode, type RawOutcome } from "../guest/raw_node.ts";

const RESET = -104;
const ENXIO = -6;
const EEXIST = -17;
const BLOCK_BYTES = 4096;
const LOG_TIMEOUT_MS = 20_000;
const CASE_TIMEOUT_MS = 300_000;

/** The raw client takes the place of the client, so one kind of client is enough. */
const oncePerServer = ({ client, carrier }: Combination): boolean =>
  client === "kernel" && carrier === "ip";

/** How our server says it: name of its counter, and what its log holds. */
interface Trace {
  readonly counter: string;
  readonly words: RegExp;
}

/** Does something that the server must refuse; ours must count it once and log the words. */
async function traced(server: BlockServer, trace: Trace, act: () => Promise<void>): Promise<void> {
  const { process } = server;
  if (process === undefined) return await act();
  const before = (await process.rejections())[trace.counter] ?? 0;
  const logStart = process.log.length;
  await act();
  const isSaid = async () =>
    ((await process.rejections())[trace.counter] ?? 0) === before + 1 &&
    trace.words.test(process.log.slice(logStart));
  try {
    await waitFor(isSaid, LOG_TIMEOUT_MS, `${trace.counter} and ${trace.words}`);
  } catch (error) {
    const rejections = JSON.stringify(await process.rejections());
    throw new Error(`${error}\n${rejections}\nlog:\n${process.log.slice(logStart)}`);
  }
}

/** In words of its own: a connection, printed with its memory, is more than a guest can hold. */
function assertRejected(outcome: RawOutcome, errno: number, what: string): void {
  const said = outcome.kind === "rejected" ? `rejected with ${outcome.errno}` : outcome.kind;
  assert.equal(said, `rejected with ${errno}`, what);
}

/** A session that has nothing to do with it and must go on: it reads a block now and then. */
async function bystander(node: RawNode, context: CaseContext): Promise<() => Promise<void>> {
  const client = await RawClient.open(node, `${context.sessname}-bystander`);
  assert.equal(await client.open("ram1", "ro"), 0);
  const id = client.openedId;
  return async () => assert.equal(await client.readDevice(id, 0, BLOCK_BYTES), 0);
}

/** Connect requests that stand alone: [what, bytes, errno, how ours says it]. */
function badConnects(): [string, Uint8Array, number, Trace][] {
  const uuids = () => ({ pathUuid: randomUuid(), sessionUuid: randomUuid() });
  const invalid = (words: RegExp): Trace => ({ counter: "connect_request_invalid", words });
  const version = (major: number) =>
    invalid(new RegExp(`the client speaks RTRS version ${major}, not 2`));
  return [
    // Soft-RoCE pads with zeroes: what is short arrives as what is wrong.
    ["nothing", new Uint8Array(0), RESET, invalid(/wrong magic 0x0/)],
    ["8 bytes", connectBytes(uuids()).slice(0, 8), RESET, invalid(/connection 0 of 0/)],
    ["magic", connectBytes({ ...uuids(), magic: 0x1234 }), RESET, invalid(/wrong magic 0x1234/)],
    ["major 1", connectBytes({ ...uuids(), version: 0x0100 }), RESET, version(1)],
    ["major 3", connectBytes({ ...uuids(), version: 0x0300 }), RESET, version(3)],
    ["cid_num 0", connectBytes({ ...uuids(), cidNum: 0 }), RESET, invalid(/connection 0 of 0/)],
    [
      "cid_num 4097",
      connectBytes({ ...uuids(), cidNum: 4097 }),
      RESET,
      invalid(/4097 connections a path are too many/),
    ],
    [
      "cid 2 of 2",
      connectBytes({ ...uuids(), cid: 2, cidNum: 2 }),
      RESET,
      invalid(/connection 2 of 2/),
    ],
    [
      "an unknown session",
      connectBytes({ ...uuids(), firstConn: false }),
      ENXIO,
      { counter: "connect_session_unknown", words: /session [0-9a-f]{32}/ },
    ],
  ];
}

async function refusesConnects(context: CaseContext): Promise<void> {
  const server = await context.server();
  const node = context.use(new RawNode());
  const stillWorks = await bystander(node, context);
  for (const [what, bytes, errno, trace] of badConnects()) {
    await traced(server, trace, async () => {
      assertRejected(await node.connect(bytes, 1234), errno, what);
    });
  }
  const uuids = { pathUuid: randomUuid(), sessionUuid: randomUuid() };
  const minor = await node.connect(connectBytes({ ...uuids, version: 0x0207 }), 1234);
  assert.equal(minor.kind, "established", "minor version 7");
  if (minor.kind === "established") await minor.connection.close();
  await stillWorks();
}

async function refusesPaths(context: CaseContext): Promise<void> {
  const server = await context.server();
  const node = context.use(new RawNode());
  const whole = await RawClient.open(node, context.sessname);
  const half = await RawClient.connect(node, 1, 2);
  const tries: [RawClient, Parameters<RawClient["tryConnect"]>[0], number, Trace][] = [
    [whole, { cid: 0 }, RESET, { counter: "connect_path_state", words: /CONNECTED/ }],
    [
      whole,
      { pathUuid: randomUuid(), firstConn: false },
      EEXIST,
      { counter: "connect_path_exists", words: /connect_path_exists.*ip:10\.9\.0\.1/ },
    ],
    [half, { cid: 0 }, RESET, { counter: "connect_cid_taken", words: /connect_cid_taken/ }],
    [
      half,
      { cid: 1, cidNum: 3 },
      RESET,
      { counter: "connect_cid_num_differs", words: /3, was 2/ },
    ],
  ];
  for (const [client, change, errno, trace] of tries) {
    await traced(server, trace, async () => {
      assertRejected(await client.tryConnect(change), errno, trace.counter);
    });
  }
  // What was refused has done no harm to what is there.
  await half.close();
  assert.equal(await whole.open("ram1", "ro"), 0);
  await whole.close();
}

async function refusesInfo(context: CaseContext): Promise<void> {
  const server = await context.server();
  const node = context.use(new RawNode());
  const stillWorks = await bystander(node, context);
  const wrongType = infoBytes("x").with(0, 9);
  const invalid = (words: RegExp): Trace => ({ counter: "info_invalid", words });
  const tries: [string, Uint8Array, Trace][] = [
    ["a/b", infoBytes("a/b"), invalid(/session name holds '\/' or '\.'/)],
    [".", infoBytes("."), invalid(/session name holds '\/' or '\.'/)],
    ["a wrong type", wrongType, invalid(/message type 9 for INFO_REQ/)],
    ["a short message", infoBytes("x").slice(0, 100), invalid(/INFO_REQ of 100 bytes/)],
    [
      "a name that is taken",
      infoBytes(`${context.sessname}-bystander`),
      { counter: "info_name_taken", words: /-bystander is held by another client/ },
    ],
  ];
  if (server.kind === "ours") {
    // The kernel's server gives a warning with a stack here.
    tries.push(["no name", infoBytes(""), invalid(/session name is empty/)]);
  }
  for (const [what, bytes, trace] of tries) {
    const client = await RawClient.connect(node, 2);
    await traced(server, trace, async () => {
      client.sendInfo(bytes);
      await client.untilClosed(what);
    });
    await client.close();
  }
  const early = await RawClient.connect(node, 1, 2);
  const trace = { counter: "info_too_early", words: /1 of 2 connections/ };
  await traced(server, trace, async () => {
    early.sendInfo(infoBytes("early"));
    await early.untilClosed("INFO_REQ before the last connection");
  });
  await stillWorks();
}

async function refusesOpens(context: CaseContext): Promise<void> {
  const server = await context.server();
  const node = context.use(new RawNode());
  const writer = await RawClient.open(node, `${context.sessname}-writer`);
  assert.equal(await writer.open("ram0", "rw"), 0);
  const client = await RawClient.open(node, context.sessname);
  const { process } = server;
  const tries: [string, Parameters<RawClient["open"]>[1], number, RegExp][] = [
    ["../dev/ram1", "ro", 22, /errno="EINVAL.*the name holds '\.\.'/],
    ["no-such-device", "rw", 2, /errno="ENOENT.*\/dev\/no-such-device/],
    ["shm", "ro", 15, /errno="ENOTBLK.*\/dev\/shm, a directory/],
    ["ram1", 9, 22, /errno="EINVAL.*access mode 9/],
    ["ram0", "rw", 1, /errno="EPERM.*another client has it open for writing/],
  ];
  for (const [devicePath, mode, errno, words] of tries) {
    const logStart = process?.log.length ?? 0;
    assert.equal(await client.open(devicePath, mode), errno, `${devicePath} ${mode}`);
    if (process === undefined) continue;
    await waitFor(() => words.test(process.log.slice(logStart)), LOG_TIMEOUT_MS, `${words}`);
    const line = process.log.slice(logStart).trim().split("\n")[0]!;
    context.note(line);
    assert.ok(line.includes(`sessname=${context.sessname} `), line);
  }
  assert.equal(await client.open("ram1", "ro"), 0);
  await client.close();
  await writer.close();
}

async function refusesRequests(context: CaseContext): Promise<void> {
  const server = await context.server();
  const node = context.use(new RawNode());
  const client = await RawClient.open(node, context.sessname);
  assert.equal(await client.open("ram0", "rw"), 0);
  const id = client.openedId;
  const end = 128 << 20;
  const tries: [string, number, () => Promise<number>][] = [
    ["io_device_unknown", 107, () => client.readDevice(id + 7, 0, BLOCK_BYTES)],
    ["io_out_of_range", 5, () => client.readDevice(id, end, BLOCK_BYTES)],
    ["io_out_of_range", 5, () => client.readDevice(id, end - 512, 1024)],
    ["io_out_of_range", 5, () => client.writeDevice(id, end, BLOCK_BYTES)],
    ["io_size_mismatch", 22, () => client.readDevice(id, 0, BLOCK_BYTES, 512)],
  ];
  if (server.kind === "ours") {
    // The kernel's RAM disk gives a warning with a stack here.
    tries.push(["io_misaligned", 22, () => client.readDevice(id, 0, 100)]);
    assert.equal(await client.open("ram1", "ro"), 0);
    const readOnly = client.openedId;
    // The kernel's server leaves this to its clients.
    tries.push(["io_read_only", 30, () => client.writeDevice(readOnly, 0, BLOCK_BYTES)]);
  }
  for (const [counter, errno, act] of tries) {
    await traced(server, { counter, words: /^/ }, async () => {
      assert.equal(await act(), errno, counter);
    });
  }
  assert.equal(await client.readDevice(id, end - BLOCK_BYTES, BLOCK_BYTES), 0);
  await client.close();
}

const UNKNOWN_IMMEDIATE = 0x5000_0000;
const HEARTBEAT = 0x8000_0000;

async function cutsOffViolators(context: CaseContext): Promise<void> {
  const server = await context.server();
  const node = context.use(new RawNode());
  const stillWorks = await bystander(node, context);
  const tries: [string, (client: RawClient) => void][] = [
    ["offset_out_of_chunk", (client) => client.breakRequest(400_000, 3)],
    ["request_type_unknown", (client) => client.breakRequest(64, 7)],
  ];
  if (server.kind === "ours") {
    // The kernel's server drops the first of these, warns with a stack of the second, and posts
    // no receive that the third would fit.
    const io = (client: RawClient) => client.connections[1]!.fabric;
    tries.push(
      ["immediate_type_unknown", (client) => io(client).immediate(UNKNOWN_IMMEDIATE)],
      ["heartbeat_on_io_connection", (client) => io(client).immediate(HEARTBEAT)],
      ["message_unexpected", (client) => client.send(1, new Uint8Array(16))],
    );
  }
  for (const [counter, act] of tries) {
    const sessname = `${context.sessname}-${counter}`;
    const client = await RawClient.open(node, sessname);
    const words = new RegExp(`path closed sessname=${sessname} .*broke the protocol: ${counter}`);
    await traced(server, { counter, words }, async () => {
      act(client);
      await client.untilClosed(counter);
    });
    await client.close();
    await stillWorks();
  }
}

const refusal = (name: string, run: GuestCase["run"]): GuestCase => ({
  name,
  run,
  timeoutMs: CASE_TIMEOUT_MS,
  appliesTo: oncePerServer,
});

/** Cases of this file. */
export const REFUSAL_CASES: readonly GuestCase[] = [
  refusal("raw client: connect requests that are refused", refusesConnects),
  refusal("raw client: paths and connections that are refused", refusesPaths),
  refusal("raw client: INFO that ends the path", refusesInfo),
  refusal("raw client: OPEN that is refused", refusesOpens),
  refusal("raw client: I/O that is refused", refusesRequests),
  refusal("raw client: what breaks the protocol ends its own path", cutsOffViolators),
];
