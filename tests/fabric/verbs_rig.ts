/**
 * A program with two roles that speaks through the verbs carrier, for a machine with an RDMA device:
 * `server PORT [ADDRESS]` and `client SCENARIO ADDRESS PORT [NUMBER…]`. Prints one line a fact; exits 1 with
 * the reason when something is not as it should be. Run by the VM tests.
 */
import assert from "node:assert/strict";
import type {
  ConnectionRequest,
  ConnectionTicket,
  ConnectOutcome,
  FabricConnection,
  FabricConnectionHandler,
  FabricFailure,
  RegisteredMemory,
} from "../../src/fabric/fabric.ts";
import { VERBS_COUNTER_NAMES } from "../../src/fabric/verbs/counters.ts";
import { VerbsAdopter } from "../../src/fabric/verbs/verbs_adopter.ts";
import { VerbsFabric } from "../../src/fabric/verbs/verbs_fabric.ts";
import { ArenaAllocator, reserveArena } from "../../src/ring/arena.ts";
import { ControlLoop } from "../../src/ring/control_loop.ts";
import { CounterBlock } from "../../src/ring/counters.ts";

const ARENA_BYTES = 2 ** 34;
const WAIT_MS = 60_000;
const QUEUE_LIMITS = { sendsMax: 128, receivesMax: 256 };
const LIMITS = { postsMax: 4096, receiveBytesMax: 1024 };
/** Each side has a window of its memory that the other may write to. */
const WINDOW_BYTES = 1024 * 1024;
const REJECTION = Uint8Array.from({ length: 56 }, (_, i) => i + 1);

/** First byte of the private data: what the server is to do with the request. */
const WISH = { ACCEPT: 1, REJECT: 2 } as const;

const say = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

/** Arena, ring, carrier. */
class Node {
  readonly memory = new ArenaAllocator(reserveArena(ARENA_BYTES));
  readonly loop = new ControlLoop(this.memory);
  readonly fabric = new VerbsFabric(this.loop, "ip");
  readonly counters: CounterBlock<typeof VERBS_COUNTER_NAMES[number]>;
  readonly adopter: VerbsAdopter;

  constructor() {
    // Beyond 4 GiB, so that a place taken for a 32-bit number shows.
    this.memory.allocate(2 ** 32 + 12_288, "a gap");
    const at = this.memory.allocate(4096, "counters");
    this.counters = new CounterBlock(this.memory.arena, at, VERBS_COUNTER_NAMES);
    this.adopter = new VerbsAdopter(this.loop, this.counters.at);
  }

  get arena() {
    return this.memory.arena;
  }

  connect(destination: string, port: number, wish: number, timeoutMs = 20_000) {
    const privateData = new Uint8Array(56).fill(wish, 0, 1);
    const limits = QUEUE_LIMITS;
    const target = { source: undefined, destination, port, privateData, limits, timeoutMs };
    return new Promise<ConnectOutcome>((resolve) => void this.fabric.connect(target, resolve));
  }
}

/** One connection and what came over it. */
class Peer implements FabricConnectionHandler {
  readonly connection: FabricConnection;
  readonly window: number;
  readonly exposed: RegisteredMemory;
  readonly immediates: number[] = [];
  readonly sends: Uint8Array[] = [];
  failure: FabricFailure | undefined;
  closed = false;
  onMessage: (immediate: number) => void = (immediate) => void this.immediates.push(immediate);
  onText: (bytes: Uint8Array) => void = (bytes) => void this.sends.push(bytes);
  onEnd: () => void = () => {};

  constructor(readonly node: Node, readonly ticket: ConnectionTicket) {
    this.window = node.memory.allocate(WINDOW_BYTES, "a window");
    this.exposed = node.fabric.register(ticket, this.window, WINDOW_BYTES, "remote");
    this.connection = node.adopter.adopt(ticket, LIMITS, this);
    this.connection.expose(this.exposed);
  }

  onImmediate(immediate: number): void {
    this.onMessage(immediate);
  }
  onSend(at: number, length: number): void {
    this.onText(this.node.arena.u8.slice(at, at + length));
  }
  onInvalidated(rkey: number): void {
    say(`invalidated ${rkey}`);
  }
  onBroken(failure: FabricFailure): void {
    this.failure = failure;
    say(`broken ${failure.errno} ${failure.reason}`);
  }
  onClosed(): void {
    this.closed = true;
    this.node.fabric.release(this.ticket);
    this.node.fabric.unregister(this.exposed);
    this.node.memory.release(this.window);
    this.onEnd();
  }

  /** Tells the peer where it may write: 12 bytes at the end of the window. */
  announce(): void {
    const at = this.window + WINDOW_BYTES - 64;
    const { rkey, address } = this.exposed;
    [rkey, address.high, address.low].forEach((word, i) => this.node.arena.u32[at / 4 + i] = word);
    this.connection.send(at, 12);
  }

  async end(): Promise<void> {
    this.connection.close();
    await until(() => this.closed, "the end of the connection");
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const end = performance.now() + WAIT_MS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** The peer's window, from what it announced. */
function windowOf(bytes: Uint8Array) {
  const [rkey, high, low] = new Uint32Array(bytes.slice().buffer);
  return { rkey: rkey!, high: high!, low: low! };
}

// Server: announces its window, then answers each immediate with one of the same number; numbers
// from 1000 on ask for other kinds of message.

function serve(port: number, address: string): void {
  const node = new Node();
  let peers = 0;
  const onRequest = (request: ConnectionRequest) => {
    if (request.privateData[0] === WISH.REJECT) return request.reject(REJECTION);
    request.accept(new Uint8Array(56).fill(7), QUEUE_LIMITS, (outcome) => {
      if ("failure" in outcome) {
        say(`accept failed ${outcome.failure.errno} ${outcome.failure.reason}`);
        return;
      }
      const { ticket } = outcome;
      say(`accepted ${ticket.localAddress} ${ticket.remoteAddress} ${ticket.hcaName}`);
      const peer = new Peer(node, ticket);
      peers++;
      peer.onEnd = () => say(`peers ${--peers}`);
      peer.onText = (bytes) => greet(peer, bytes);
      peer.onMessage = (immediate) => answer(peer, immediate);
    });
  };
  const listener = node.fabric.listen(address, port, onRequest);
  say(`listening ${listener.localAddress} ${listener.port}`);
}

let remote = { rkey: 0, high: 0, low: 0 };

function greet(peer: Peer, bytes: Uint8Array): void {
  remote = windowOf(bytes);
  peer.announce();
}

function answer(peer: Peer, immediate: number): void {
  const { connection, window } = peer;
  if (immediate === 1000) connection.sendImmediate(window, 8, 1000);
  else if (immediate === 1001) {
    connection.write(window, 4096, remote.rkey, remote.high, remote.low + 65536);
    connection.immediate(1001);
  } else connection.immediate(immediate);
}

// Client.

async function open(node: Node, address: string, port: number): Promise<[Peer, typeof remote]> {
  const outcome = await node.connect(address, port, WISH.ACCEPT);
  assert.equal(outcome.kind, "established", JSON.stringify(outcome));
  if (outcome.kind !== "established") throw new Error("unreachable");
  assert.equal(outcome.privateData[0], 7);
  assert.ok(outcome.privateData.length >= 56);
  const peer = new Peer(node, outcome.ticket);
  peer.announce();
  await until(() => peer.sends.length === 1, "the server's window");
  return [peer, windowOf(peer.sends[0]!)];
}

async function allKinds(node: Node, address: string, port: number): Promise<void> {
  const [peer, far] = await open(node, address, port);
  const { connection, window, immediates } = peer;
  const { u8 } = node.arena;
  for (let i = 0; i < 8192; i++) u8[window + i] = i * 7;
  say(`ticket ${JSON.stringify(peer.ticket)}`);
  // Two gathered ranges land next to each other at the server, which writes them back.
  connection.writeImmediate(window, 100, window + 4096, 3996, far.rkey, far.high, far.low, 5);
  await until(() => immediates.length === 1, "the answer to a gathered write");
  connection.immediate(1001);
  await until(() => immediates.length === 2, "the answer to 1001");
  const back = u8.slice(window + 65536, window + 65536 + 4096);
  const expected = Uint8Array.from({ length: 4096 }, (_, i) => (i < 100 ? i : i - 100 + 4096) * 7);
  assert.deepEqual(back, expected);
  connection.immediate(1000);
  await until(() => immediates.length === 3 && peer.sends.length === 2, "a send with immediate");
  assert.deepEqual(immediates, [5, 1001, 1000]);
  assert.deepEqual(peer.sends[1], expected.slice(0, 8));
  assert.ok(connection.reaches(window, WINDOW_BYTES));
  assert.ok(!connection.reaches(window, WINDOW_BYTES + 1));
  // More than the queue holds, with numbers that show the order.
  immediates.length = 0;
  for (let i = 0; i < 200; i++) connection.immediate(i);
  await until(() => immediates.length === 200, "200 answers");
  assert.deepEqual(immediates, Array.from({ length: 200 }, (_, i) => i));
  await peer.end();
  say("kinds ok");
}

async function benchmark(node: Node, address: string, port: number, numbers: number[]) {
  const [depth = 32, count = 20_000] = numbers;
  const [peer, far] = await open(node, address, port);
  const { connection, window } = peer;
  const { ring } = node.loop;
  const done = Promise.withResolvers<void>();
  let left = count - depth;
  let open_ = depth;
  peer.onMessage = (immediate) => {
    if (left > 0) {
      left--;
      connection.writeImmediate(window, 56, 0, 0, far.rkey, far.high, far.low, immediate);
    } else if (--open_ === 0) done.resolve();
  };
  const before = node.counters.read();
  const enters = ring.enters;
  const start = performance.now();
  for (let i = 0; i < depth; i++) {
    connection.writeImmediate(window, 56, 0, 0, far.rkey, far.high, far.low, i);
  }
  await done.promise;
  const seconds = (performance.now() - start) / 1000;
  const after = node.counters.read();
  const per = (n: number) => (n / count).toFixed(3);
  const lines = VERBS_COUNTER_NAMES.map((name) => `${name} ${per(after[name] - before[name])}`);
  say(`bench depth ${depth}: ${(count / seconds).toFixed(0)}/s, ${lines.join(", ")}`);
  say(`enters ${per(ring.enters - enters)}`);
  await peer.end();
}

async function violations(node: Node, address: string, port: number): Promise<void> {
  const cases: Record<string, (peer: Peer, far: typeof remote) => void> = {
    "remote key": ({ connection, window }, far) =>
      connection.writeImmediate(window, 8, 0, 0, far.rkey ^ 1, far.high, far.low, 1),
    "remote bounds": ({ connection, window }, far) =>
      connection.writeImmediate(window, 8192, 0, 0, far.rkey, far.high, far.low + 1044480, 1),
    "invalidate": ({ connection }, far) => connection.sendInvalidate(far.rkey),
    "local memory": ({ connection }, far) =>
      connection.writeImmediate(4096, 8, 0, 0, far.rkey, far.high, far.low, 1),
    "length": ({ connection, window }) => connection.send(window, 1000),
    "overrun": ({ connection }) => {
      for (let i = 0; i < 5000; i++) connection.immediate(i);
    },
  };
  for (const [name, act] of Object.entries(cases)) {
    const [peer, far] = await open(node, address, port);
    act(peer, far);
    await until(() => peer.failure !== undefined, `the failure of ${name}`);
    say(`violation ${name}: ${peer.failure!.errno} ${peer.failure!.reason}`);
    peer.connection.close();
    await until(() => peer.closed, "the end");
  }
}

async function connectMany(node: Node, address: string, port: number, numbers: number[]) {
  const [rounds = 100] = numbers;
  const used = node.memory.usedBytes;
  for (let i = 0; i < rounds; i++) {
    const [peer] = await open(node, address, port);
    if (i % 3 === 0) peer.connection.immediate(1);
    await peer.end();
  }
  assert.equal(node.memory.usedBytes, used);
  say(`rounds ${rounds} ok`);
}

/** Stays connected until the peer is gone. */
async function linger(node: Node, address: string, port: number): Promise<void> {
  const [peer] = await open(node, address, port);
  say("lingering");
  await until(() => peer.failure !== undefined, "the end of the peer");
  await peer.end();
}

async function refusals(node: Node, address: string, port: number): Promise<void> {
  const rejected = await node.connect(address, port, WISH.REJECT);
  assert.equal(rejected.kind, "rejected", JSON.stringify(rejected));
  if (rejected.kind !== "rejected") return;
  assert.deepEqual(rejected.privateData.slice(0, 56), REJECTION);
  for (const [to, at] of [[address, port + 1], ["10.9.0.77", port], ["192.0.2.1", port]] as const) {
    const outcome = await node.connect(to, at, WISH.ACCEPT, 4000);
    say(`refused ${to} ${at}: ${JSON.stringify(outcome)}`);
    assert.equal(outcome.kind, "failed");
  }
  const limits = QUEUE_LIMITS;
  const privateData = new Uint8Array(56);
  const target = {
    source: undefined,
    destination: address,
    port,
    privateData,
    limits,
    timeoutMs: 9,
  };
  node.fabric.connect(target, () => assert.fail("it was called off")).cancel();
  say("refusals ok");
}

/** On Ethernet there are no GID addresses: refused with a word of advice. */
async function gid(node: Node): Promise<void> {
  const fabric = new VerbsFabric(node.loop, "gid");
  const limits = QUEUE_LIMITS;
  const ends = { source: undefined, destination: "fe80::1", port: 1, limits, timeoutMs: 4000 };
  const outcome = await new Promise<ConnectOutcome>((resolve) =>
    void fabric.connect({ ...ends, privateData: new Uint8Array(56) }, resolve)
  );
  say(`gid connect ${JSON.stringify(outcome)}`);
  assert.equal(outcome.kind, "failed");
  try {
    fabric.listen("fe80::1", 4000, () => {});
    say("gid listen works");
  } catch (cause) {
    say(`gid listen ${cause}`);
  }
  try {
    node.fabric.listen("192.0.2.7", 4000, () => {});
    assert.fail("listening on a foreign address");
  } catch (cause) {
    say(`foreign listen ${cause}`);
  }
}

const SCENARIOS: Record<
  string,
  (node: Node, address: string, port: number, numbers: number[]) => Promise<void>
> = { allKinds, benchmark, connectMany, gid, linger, refusals, violations };

if (import.meta.main) {
  const [role, ...rest] = Deno.args;
  if (role === "server") serve(Number(rest[0]), rest[1] ?? "0.0.0.0");
  else {
    const [scenario, address, port, ...numbers] = rest;
    const node = new Node();
    try {
      await SCENARIOS[scenario!]!(node, address!, Number(port), numbers.map(Number));
    } catch (cause) {
      say(`failed ${scenario}: ${cause instanceof Error ? cause.stack : cause}`);
      Deno.exit(1);
    }
    node.fabric.close();
    await node.loop.close();
    say(`end ${scenario}`);
    Deno.exit(0);
  }
}
