/**
 * Memory windows on a machine with an RDMA device: both sides in one process, over the device at
 * the address that is given. Prints one line a fact; exits 1 with the reason when something is not
 * as it should be. Run by hand, or by a VM test.
 */
import assert from "node:assert/strict";
import type {
  ConnectionTicket,
  FabricConnection,
  FabricConnectionHandler,
  FabricFailure,
  MemoryWindows,
  RegisteredMemory,
} from "../../src/fabric/fabric.ts";
import { VERBS_COUNTER_NAMES } from "../../src/fabric/verbs/counters.ts";
import { VerbsAdopter } from "../../src/fabric/verbs/verbs_adopter.ts";
import { VerbsFabric } from "../../src/fabric/verbs/verbs_fabric.ts";
import { ArenaAllocator, reserveArena } from "../../src/ring/arena.ts";
import { ControlLoop } from "../../src/ring/control_loop.ts";

const WAIT_MS = 60_000;
const PORT = 4321;
const WINDOW_BYTES = 8192;
const WINDOWS = 4;
const QUEUE = { sendsMax: 64, receivesMax: 64 };
const LIMITS = { postsMax: 64, receiveBytesMax: 64 };

const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + WAIT_MS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** One side of a connection, and what it was told. */
class Side implements FabricConnectionHandler {
  readonly connection: FabricConnection;
  readonly immediates: number[] = [];
  readonly closedWindows: number[] = [];
  failure: FabricFailure | undefined;
  isClosed = false;

  constructor(adopter: VerbsAdopter, readonly ticket: ConnectionTicket) {
    this.connection = adopter.adopt(ticket, LIMITS, this);
  }
  onImmediate(immediate: number): void {
    this.immediates.push(immediate);
  }
  onSend(): void {}
  onInvalidated(): void {}
  onBroken(failure: FabricFailure): void {
    this.failure = failure;
  }
  onClosed(): void {
    this.isClosed = true;
  }
  onWindowClosed(index: number): void {
    this.closedWindows.push(index);
  }
}

const memory = new ArenaAllocator(reserveArena(2 ** 34));
// Beyond 4 GiB, so that a place taken for a 32-bit number shows.
memory.allocate(2 ** 32 + 12_288, "a gap");
const loop = new ControlLoop(memory);
const fabric = new VerbsFabric(loop, "ip");
const counters = memory.allocate(VERBS_COUNTER_NAMES.length * 8, "counters") / 8;
const adopter = new VerbsAdopter(loop, counters);
const { u8 } = memory.arena;
const target = memory.allocate(WINDOWS * WINDOW_BYTES, "the windows");
const source = memory.allocate(WINDOW_BYTES, "what is written");

async function connect(address: string): Promise<{ server: Side; client: Side }> {
  let server: Side | undefined;
  let client: Side | undefined;
  const listener = fabric.listen(address, PORT, (request) => {
    const limits = { ...QUEUE, windowChangesMax: WINDOWS * 2 };
    request.accept(new Uint8Array(56), limits, (outcome) => {
      if ("failure" in outcome) throw new Error(outcome.failure.reason);
      server = new Side(adopter, outcome.ticket);
    });
  });
  const privateData = new Uint8Array(56);
  const to = { source: undefined, destination: address, port: PORT, privateData, limits: QUEUE };
  fabric.connect({ ...to, timeoutMs: 20_000 }, (outcome) => {
    if (outcome.kind !== "established") throw new Error(JSON.stringify(outcome));
    client = new Side(adopter, outcome.ticket);
  });
  await until(() => server !== undefined && client !== undefined, "a connection");
  listener.close();
  return { server: server!, client: client! };
}

/** Writes `value` all over window `index` through `from`; true when it landed, false if refused. */
async function writes(
  { server, client }: { server: Side; client: Side },
  windows: MemoryWindows,
  index: number,
  rkey: number,
  value: number,
): Promise<boolean> {
  const at = target + index * WINDOW_BYTES;
  const before = u8[at];
  u8.fill(value, source, source + WINDOW_BYTES);
  const { high, low } = windows.memory.address;
  const heard = server.immediates.length;
  const offset = low + index * WINDOW_BYTES;
  client.connection.writeImmediate(source, WINDOW_BYTES, 0, 0, rkey, high, offset, value);
  const isOver = () => server.immediates.length > heard || client.failure !== undefined;
  await until(isOver, `the write of ${value}`);
  const landed = server.immediates.length > heard;
  const expected = landed ? value : before;
  const end = at + WINDOW_BYTES;
  assert.ok(u8.subarray(at, end).every((byte) => byte === expected), `bytes after ${value}`);
  if (client.failure !== undefined) {
    say(`refused: ${client.failure.errno} ${client.failure.reason}`);
  }
  return landed;
}

async function close(...sides: Side[]): Promise<void> {
  for (const side of sides) side.connection.close();
  await until(() => sides.every((side) => side.isClosed), "the end");
}

async function run(address: string): Promise<void> {
  const first = await connect(address);
  const chunks: RegisteredMemory = fabric.register(
    first.server.ticket,
    target,
    WINDOWS * WINDOW_BYTES,
    "windows",
  );
  const windows = fabric.makeWindows(chunks, WINDOW_BYTES);
  const local = fabric.register(first.server.ticket, source, WINDOW_BYTES, "local");
  const tickets = [first.server.ticket, first.client.ticket];
  const prepare = ({ server, client }: { server: Side; client: Side }) => {
    client.connection.expose(local);
    server.connection.expose(chunks);
    return server.connection.useWindows!(windows, server);
  };
  const near = prepare(first);
  const keys = Array.from({ length: WINDOWS }, (_, index) => near.open(index));
  assert.equal(new Set(keys).size, WINDOWS);
  for (let index = 0; index < WINDOWS; index++) {
    assert.ok(await writes(first, windows, index, keys[index]!, 10 + index));
  }
  say("writes to open windows land");
  // Closed, opened again, many times: the window of the next round has another key.
  let rkey = keys[1]!;
  for (let round = 0; round < 600; round++) {
    near.close(1);
    await until(() => first.server.closedWindows.length === round + 1, "a close");
    const renewed = near.open(1);
    assert.notEqual(renewed, rkey);
    rkey = renewed;
    if (round % 100 === 0) assert.ok(await writes(first, windows, 1, rkey, 20 + round / 100));
  }
  say("600 renewals");
  // A window is of the path: the other connection writes with the key, and closes it.
  const second = await connect(address);
  tickets.push(second.server.ticket, second.client.ticket);
  const far = prepare(second);
  assert.ok(await writes(second, windows, 1, rkey, 30));
  far.close(1);
  await until(() => second.server.closedWindows.length === 1, "a close by the other connection");
  assert.equal(await writes(first, windows, 1, rkey, 31), false, "a closed window took a write");
  say("a closed window takes no write");
  const renewed = far.open(1);
  assert.ok(await writes(second, windows, 1, renewed, 32));
  assert.equal(await writes(second, windows, 1, rkey, 33), false, "a stale key took a write");
  say("a stale key is refused");
  await close(first.server, first.client, second.server, second.client);
  const cases = [["registration", chunks.lkey], ["window's neighbour", keys[2]!]] as const;
  for (const [whose, key] of cases) {
    const third = await connect(address);
    tickets.push(third.server.ticket, third.client.ticket);
    prepare(third);
    const landed = await writes(third, windows, 3, key, 40);
    // Soft-RoCE checks the bounds of the registration, not those of the window.
    if (whose === "registration") assert.equal(landed, false);
    say(`the key of the ${whose} ${landed ? "opens a window" : "is refused"}`);
    await close(third.server, third.client);
  }
  fabric.freeWindows(windows);
  fabric.unregister(chunks);
  fabric.unregister(local);
  for (const ticket of tickets) fabric.release(ticket);
  fabric.close();
  await loop.close();
  say("windows ok");
}

if (import.meta.main) {
  try {
    await run(Deno.args[0]!);
    Deno.exit(0);
  } catch (cause) {
    say(`failed: ${cause instanceof Error ? cause.stack : cause}`);
    Deno.exit(1);
  }
}
