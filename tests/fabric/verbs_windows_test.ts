/** Memory windows of the verbs carrier on the fake device: order, keys, room, the end. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type {
  ConnectionTicket,
  ConnectionWindows,
  FabricConnectionHandler,
  FabricFailure,
  MemoryWindows,
  RegisteredMemory,
} from "../../src/fabric/fabric.ts";
import { VerbsConnection } from "../../src/fabric/verbs/connection.ts";
import { FakeThread } from "./fake_thread.ts";
import { FakeDevice } from "./verbs_fake_device.ts";
import type { FakeQueuePair } from "./verbs_fake_queue_pair.ts";

const WINDOW_BYTES = 64;
const COUNT = 4;

/** One side of a connection; both sides may use the windows. */
class Side implements FabricConnectionHandler {
  readonly thread: FakeThread;
  readonly connection: VerbsConnection;
  readonly windows: ConnectionWindows;
  readonly immediates: number[] = [];
  readonly closedWindows: number[] = [];
  readonly keys: number[] = [];
  isCalling = false;
  failure: FabricFailure | undefined;
  isClosed = false;

  constructor(
    readonly device: FakeDevice,
    readonly pair: FakeQueuePair,
    details: Record<string, number>,
    memory: RegisteredMemory,
    windows: MemoryWindows,
  ) {
    this.thread = new FakeThread(device.arena);
    this.thread.channel = pair;
    const ends = { localAddress: "ip:a", remoteAddress: "ip:b", hcaName: "fake0", hcaPort: 1 };
    const ticket: ConnectionTicket = { carrier: "verbs", ...ends, details };
    const limits = { postsMax: 64, receiveBytesMax: 64 };
    this.connection = new VerbsConnection(this.thread, ticket, limits, this, pair, 0);
    this.connection.expose(memory);
    this.windows = this.connection.useWindows(windows, this);
  }

  private note(): void {
    assert.ok(!this.isCalling, "told from within a call");
  }
  onImmediate(immediate: number): void {
    this.note();
    this.immediates.push(immediate);
  }
  onSend(at: number): void {
    this.note();
    this.keys.push(this.device.arena.u32[at / 4]!);
  }
  onInvalidated(): void {}
  onBroken(failure: FabricFailure): void {
    this.note();
    this.failure = failure;
  }
  onClosed(): void {
    assert.ok(this.pair.isIdle);
    this.isClosed = true;
  }
  onWindowClosed(index: number): void {
    this.note();
    this.closedWindows.push(index);
  }

  open(index: number): number {
    this.isCalling = true;
    const key = this.windows.open(index);
    this.isCalling = false;
    return key;
  }
  close(index: number): void {
    this.isCalling = true;
    this.windows.close(index);
    this.isCalling = false;
  }
}

function makeSides(windowDepth = COUNT * 2) {
  const device = new FakeDevice();
  const memory = device.register(device.allocate(4096, "data"), COUNT * WINDOW_BYTES);
  const windows = device.makeWindows(memory, WINDOW_BYTES);
  const [server, client] = [0, 1].map(() => {
    const { pair, details } = device.queuePair(8, 8, windowDepth);
    return new Side(device, pair, details, memory, windows);
  });
  server!.pair.peer = client!.pair;
  client!.pair.peer = server!.pair;
  return { device, memory, server: server!, client: client! };
}

function settle(...sides: Side[]): void {
  for (let moved = true; moved;) {
    moved = false;
    for (const side of sides) {
      while (side.thread.turn()) moved = true;
      if (side.pair.progress()) moved = true;
    }
  }
}

/** The client writes to a window, with an immediate. */
function write(client: Side, memory: RegisteredMemory, index: number, key: number): void {
  const to = memory.at + index * WINDOW_BYTES;
  client.connection.writeImmediate(memory.at, 8, 0, 0, key, 0, to, index);
}

Deno.test("windows: open lets a peer write, close stops it, and each opening has a new key", () => {
  const { server, client, memory } = makeSides();
  const first = server.open(2);
  write(client, memory, 2, first);
  settle(server, client);
  assert.deepEqual(server.immediates, [2]);
  server.close(2);
  assert.deepEqual(server.closedWindows, []);
  settle(server, client);
  assert.deepEqual(server.closedWindows, [2]);
  const second = server.open(2);
  assert.notEqual(second, first);
  write(client, memory, 2, second);
  settle(server, client);
  assert.deepEqual(server.immediates, [2, 2]);
  write(client, memory, 2, first);
  settle(server, client);
  assert.equal(client.failure?.errno, 13);
});

Deno.test("windows: a closed window takes no write, nor does the place next to an open one", () => {
  for (const index of [1, 2]) {
    const { server, client, memory } = makeSides();
    const key = server.open(1);
    if (index === 1) server.close(1);
    settle(server, client);
    write(client, memory, index, key);
    settle(server, client);
    assert.equal(client.failure?.errno, 13);
    assert.deepEqual(server.immediates, []);
  }
});

Deno.test("windows: the message that is posted behind an opening finds the window open", () => {
  const { server, client, memory, device } = makeSides();
  const key = server.open(0);
  const at = memory.at + 128;
  device.arena.u32[at / 4] = key;
  server.connection.sendImmediate(at, 4, 7);
  // The device does one thing at a time, and the client writes as soon as it is told.
  for (let i = 0; i < 50 && client.keys.length === 0; i++) {
    while (server.thread.turn());
    server.pair.progress();
    while (client.thread.turn());
  }
  write(client, memory, 0, client.keys[0]!);
  settle(client);
  assert.equal(client.failure, undefined);
  settle(server);
  assert.deepEqual(server.immediates, [0]);
});

Deno.test("windows: whatever the order, two changes a window find room and end", () => {
  const steps = fc.array(fc.tuple(fc.nat(COUNT - 1), fc.nat(2)), { maxLength: 80 });
  fc.assert(
    fc.property(steps, (wanted) => {
      const { server, client } = makeSides();
      // 0: closed, 1: open, 2: being closed.
      const state = new Array<number>(COUNT).fill(0);
      let closes = 0;
      for (const [index, turns] of wanted) {
        if (state[index] === 0) {
          assert.notEqual(server.open(index), 0);
          state[index] = 1;
        } else if (state[index] === 1) {
          server.close(index);
          state[index] = 2;
          closes++;
        }
        for (let i = 0; i < turns; i++) {
          server.pair.progress();
          server.thread.turn();
        }
        for (const closed of server.closedWindows) state[closed] = 0;
        closes -= server.closedWindows.splice(0).length;
      }
      settle(server, client);
      assert.equal(server.failure, undefined);
      assert.equal(server.closedWindows.length, closes);
    }),
    { numRuns: 300 },
  );
});

Deno.test("windows: more changes than agreed, or one that fails, break the connection", () => {
  const cases: [string, (server: Side) => void, number, RegExp][] = [
    [
      "too many",
      (server) => [0, 1, 2].forEach((index) => server.open(index)),
      105,
      /more messages/,
    ],
    [
      "a bind that the device refuses",
      (server) => {
        server.pair.refusesBinds = true;
        server.close(0);
      },
      14,
      /window could not be bound/,
    ],
    [
      "a bind that cannot be posted",
      (server) => {
        server.pair.bindMw = () => 22;
        assert.equal(server.open(0), 0);
      },
      22,
      /changing a memory window failed: EINVAL/,
    ],
  ];
  for (const [name, act, errno, reason] of cases) {
    const { server, client } = makeSides(2);
    settle(server, client);
    act(server);
    const { failure: early } = server;
    assert.equal(early, undefined, "it must not be told from within a call");
    settle(server, client);
    assert.equal(server.failure?.errno, errno, name);
    assert.match(server.failure.reason, reason, name);
    server.connection.close();
    settle(server, client);
    assert.ok(server.isClosed, name);
  }
});

Deno.test("windows: a connection that is closed changes nothing and tells nothing", () => {
  const { server, client } = makeSides();
  server.open(0);
  settle(server, client);
  server.close(0);
  server.connection.close();
  assert.equal(server.open(1), 0);
  server.close(1);
  settle(server, client);
  assert.ok(server.isClosed);
  assert.deepEqual(server.closedWindows, []);
});
