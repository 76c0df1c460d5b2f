/**
 * Peers that break the rules, over real TCP. Each is told why with a Terminate and cut off; its
 * reason is counted; the memory around what was exposed is untouched; others go on.
 */
import assert from "node:assert/strict";
import { ERRNO } from "../../src/ffi/errno.ts";
import type { RegisteredMemory } from "../../src/fabric/fabric.ts";
import {
  concat,
  immediateFrame,
  plainFpdu,
  type TaggedFields,
  taggedFrame,
  type UntaggedFields,
  untaggedFrame,
  words,
} from "./iwarp_frames.ts";
import { type End, IwarpRig, QUEUE_LIMITS } from "./iwarp_rig.ts";
import { MPA_CRC, rawClient, readBytes, writeBytes } from "./raw_peer.ts";

const EXPOSED_BYTES = 8192;
const GUARD_BYTES = 4096;
const GUARD = 0xa5;
const BLOCK = new Uint8Array(4096).fill(0x11);

/** One broken rule. */
interface Case {
  readonly name: string;
  /** The counter that moves. */
  readonly reason: string;
  /** Layer, type and code of the Terminate. */
  readonly error: readonly [number, number, number];
  readonly stream: (memory: RegisteredMemory) => Uint8Array;
}

function tagged(
  name: string,
  reason: string,
  error: Case["error"],
  change: Partial<TaggedFields>,
): Case {
  const stream = ({ rkey, address }: RegisteredMemory) =>
    taggedFrame({ stag: rkey, high: address.high, low: address.low, payload: BLOCK, ...change });
  return { name, reason, error, stream };
}

function untagged(
  name: string,
  reason: string,
  error: Case["error"],
  ...fields: UntaggedFields[]
): Case {
  return { name, reason, error, stream: () => concat(...fields.map(untaggedFrame)) };
}

const immediate = words(0, 1);
const CASES: readonly Case[] = [
  tagged("unknown STag", "stag", [1, 1, 0], { stag: 0x1234_5678 }),
  tagged("STag 0", "stag", [1, 1, 0], { stag: 0 }),
  tagged("a byte before the range", "bounds", [1, 1, 1], { high: 0xff, low: 0xffff_ffff }),
  tagged("a byte past the range", "bounds", [1, 1, 1], { low: EXPOSED_BYTES - 4095 }),
  tagged("offset in the next 4 GiB", "bounds", [1, 1, 1], { high: 0x101 }),
  tagged("offset that wraps 64 bits", "bounds", [1, 1, 1], {
    high: 0xffff_ffff,
    low: 0xffff_ff00,
  }),
  tagged("offset 0, as a native address", "bounds", [1, 1, 1], { high: 0, low: 0 }),
  tagged("DDP version 0", "ddp_version", [1, 1, 4], { ddp: 0xc0 }),
  tagged("DDP version 2", "ddp_version", [1, 1, 4], { ddp: 0xc2 }),
  tagged("RDMAP version 0", "rdmap_version", [0, 2, 5], { rdmap: 0x00 }),
  tagged("DDP reserved bit", "reserved_bits", [0, 2, 0xff], { ddp: 0xe1 }),
  tagged("RDMAP reserved bit", "reserved_bits", [0, 2, 0xff], { rdmap: 0x50 }),
  tagged("read response", "opcode", [0, 2, 6], { rdmap: 0x42 }),
  tagged("tagged SEND", "opcode", [0, 2, 6], { rdmap: 0x43 }),
  untagged("read request", "opcode", [0, 2, 6], { rdmap: 0x41, queue: 1, sequence: 1 }),
  untagged("untagged write", "opcode", [0, 2, 6], { rdmap: 0x40, sequence: 1 }),
  untagged("atomic request", "opcode", [0, 2, 6], { rdmap: 0x4a, sequence: 1 }),
  untagged("SEND on queue 1", "queue", [1, 2, 1], { queue: 1, sequence: 1 }),
  untagged("SEND on queue 2^31", "queue", [1, 2, 1], { queue: 0x8000_0000, sequence: 1 }),
  untagged("message number 0", "sequence", [1, 2, 3], { sequence: 0 }),
  untagged("message number skipped", "sequence", [1, 2, 3], { sequence: 2 }),
  untagged("message number again", "sequence", [1, 2, 3], { sequence: 1 }, { sequence: 1 }),
  untagged("message offset of a new SEND", "message_offset", [1, 2, 4], {
    sequence: 1,
    offset: 8,
    payload: BLOCK,
  }),
  untagged(
    "message offset with a gap",
    "message_offset",
    [1, 2, 4],
    { ddp: 0x01, sequence: 1, payload: BLOCK },
    { sequence: 1, offset: 4097, payload: BLOCK },
  ),
  untagged(
    "opcode changes within a SEND",
    "interleaved",
    [0, 2, 0xff],
    { ddp: 0x01, sequence: 1, payload: BLOCK },
    { rdmap: 0x45, sequence: 1, offset: 4096, payload: BLOCK },
  ),
  untagged("immediate of 4 bytes", "immediate", [0, 2, 0xff], {
    rdmap: 0x48,
    sequence: 1,
    payload: words(1),
  }),
  untagged("immediate of 64 bits", "immediate", [0, 2, 0xff], {
    rdmap: 0x48,
    sequence: 1,
    payload: words(1, 1),
  }),
  untagged("immediate without the L flag", "immediate", [0, 2, 0xff], {
    ddp: 0x01,
    rdmap: 0x48,
    sequence: 1,
    payload: immediate,
  }),
  untagged("immediate at an offset", "message_offset", [1, 2, 4], {
    rdmap: 0x48,
    sequence: 1,
    offset: 4,
    payload: immediate,
  }),
  untagged("invalidate of an unknown STag", "invalidate_stag", [0, 1, 9], {
    rdmap: 0x44,
    sequence: 1,
    invalidate: 0x1234,
  }),
  untagged("Terminate on queue 0", "terminate", [0, 2, 0xff], {
    rdmap: 0x47,
    sequence: 1,
    payload: words(0),
  }),
  untagged("Terminate without a control word", "terminate", [0, 2, 0xff], {
    rdmap: 0x47,
    queue: 2,
    sequence: 1,
  }),
  {
    name: "SEND longer than any expected",
    reason: "message_too_long",
    error: [1, 2, 5],
    stream: () =>
      concat(...Array.from({ length: 3 }, (_, i) =>
        untaggedFrame({
          ddp: i === 2 ? 0x41 : 0x01,
          sequence: 1,
          offset: i * 50_000,
          payload: new Uint8Array(50_000),
        }))),
  },
  {
    name: "immediate within a write",
    reason: "interleaved",
    error: [0, 2, 0xff],
    stream: ({ rkey, address }) =>
      concat(
        taggedFrame({ ddp: 0x81, stag: rkey, ...address, payload: BLOCK }),
        immediateFrame(1, 1),
      ),
  },
  {
    name: "write goes on elsewhere",
    reason: "interleaved",
    error: [0, 2, 0xff],
    stream: ({ rkey, address }) =>
      concat(
        taggedFrame({ ddp: 0x81, stag: rkey, ...address, payload: BLOCK }),
        taggedFrame({ stag: rkey, ...address, payload: BLOCK }),
      ),
  },
  {
    name: "write within a SEND",
    reason: "interleaved",
    error: [0, 2, 0xff],
    stream: ({ rkey, address }) =>
      concat(
        untaggedFrame({ ddp: 0x01, sequence: 1, payload: BLOCK }),
        taggedFrame({ stag: rkey, ...address, payload: BLOCK }),
      ),
  },
  {
    name: "write after its memory was invalidated",
    reason: "stag",
    error: [1, 1, 0],
    stream: ({ rkey, address }) =>
      concat(
        untaggedFrame({ rdmap: 0x44, sequence: 1, invalidate: rkey }),
        taggedFrame({ stag: rkey, ...address, payload: BLOCK }),
      ),
  },
  {
    name: "large write past the range, of which only the header has come",
    reason: "bounds",
    error: [1, 1, 1],
    stream: ({ rkey, address }) =>
      taggedFrame({ stag: rkey, ...address, payload: new Uint8Array(60_000) }).subarray(0, 20),
  },
  {
    name: "frame shorter than a tagged header",
    reason: "frame_short",
    error: [2, 0, 3],
    stream: () => plainFpdu(new Uint8Array([0xc1, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), false),
  },
  {
    name: "frame of length 0",
    reason: "frame_short",
    error: [2, 0, 3],
    stream: () => plainFpdu(new Uint8Array(0), false),
  },
];

/** A server end that a raw peer reaches, with guarded memory. */
async function victim(rig: IwarpRig, flags: number) {
  const { promise, resolve } = Promise.withResolvers<End>();
  const listener = rig.fabric("off").listen("127.0.0.1", 0, (request) => {
    request.accept(request.privateData, QUEUE_LIMITS, (outcome) => {
      const limits = { postsMax: 16, receiveBytesMax: 131_072 };
      if ("ticket" in outcome) resolve(rig.adopt(outcome.ticket, limits));
    });
  });
  const peer = await rawClient(listener.port, flags);
  const end = await promise;
  listener.close();
  const start = rig.memory.allocate(EXPOSED_BYTES + 2 * GUARD_BYTES, "exposed");
  rig.arena.u8.fill(GUARD, start, start + EXPOSED_BYTES + 2 * GUARD_BYTES);
  const memory = rig.fabric().register(end.ticket, start + GUARD_BYTES, EXPOSED_BYTES, "remote");
  end.connection.expose(memory);
  const checkGuards = () => {
    for (const from of [start, start + GUARD_BYTES + EXPOSED_BYTES]) {
      const guard = rig.arena.u8.subarray(from, from + GUARD_BYTES);
      assert.ok(guard.every((byte) => byte === GUARD), "a guard was written to");
    }
  };
  return { peer, end, memory, checkGuards };
}

async function breakRule(rig: IwarpRig, one: Case, crc: boolean): Promise<void> {
  const before = rig.counted()[`iwarp_${one.reason}`] ?? 0;
  const { peer, end, memory, checkGuards } = await victim(rig, crc ? MPA_CRC : 0);
  await writeBytes(peer, one.stream(memory));
  const answer = await readBytes(peer);
  await end.recorder.until("closed");
  const [layer, type, code] = one.error;
  const control = (layer << 28 | type << 24 | code << 16) >>> 0;
  const terminate = untaggedFrame({
    rdmap: 0x47,
    queue: 2,
    sequence: 1,
    payload: words(control),
    crc,
  });
  assert.deepEqual(answer, terminate, `${one.name}: the answer is no such Terminate`);
  assert.equal(rig.counted()[`iwarp_${one.reason}`], before + 1, `${one.name}: not counted`);
  assert.deepEqual(end.recorder.events.slice(-2), ["broken", "closed"]);
  assert.equal(end.recorder.events.filter((event) => event === "broken").length, 1);
  assert.match(end.recorder.failure!.reason, /^tcp:127\.0\.0\.1: the peer was cut off: /);
  checkGuards();
  peer.close();
  rig.fabric().release(end.ticket);
}

Deno.test("iwarp: each broken rule gets its Terminate and counter, and others go on", async (t) => {
  await using rig = new IwarpRig();
  const [client, server] = await rig.pair();
  let pings = 0;
  for (const one of CASES) {
    await t.step(one.name, async () => {
      await breakRule(rig, one, false);
      client.connection.immediate(++pings);
      await server.recorder.until(`immediate ${pings}`);
    });
  }
  await rig.close(client, server);
});

Deno.test("iwarp: a wrong CRC is refused before anything else is looked at", async (t) => {
  await using rig = new IwarpRig();
  const crc = "wrong" as const;
  const cases = [
    tagged("write", "crc", [2, 0, 2], { crc }),
    tagged("write to nowhere", "crc", [2, 0, 2], { crc, stag: 5 }),
    untagged("SEND", "crc", [2, 0, 2], { crc, sequence: 1, payload: BLOCK }),
    untagged("unknown opcode", "crc", [2, 0, 2], { crc, rdmap: 0x4f, sequence: 9 }),
  ];
  for (const one of cases) await t.step(one.name, () => breakRule(rig, one, true));
  await t.step("a right one is not", async () => {
    const { peer, end, memory } = await victim(rig, MPA_CRC);
    const place = { stag: memory.rkey, ...memory.address };
    const write = taggedFrame({ ...place, payload: BLOCK, crc: true });
    await writeBytes(peer, concat(write, immediateFrame(1, 77, true)));
    await end.recorder.until("immediate 77");
    assert.equal(rig.arena.u8[memory.at + 4095], 0x11);
    peer.close();
    await rig.close(end);
  });
});

Deno.test("iwarp: a peer that closes between or within frames is reported once", async () => {
  await using rig = new IwarpRig();
  for (const cut of [0, 1, 3, 17, 1000]) {
    const { peer, end, memory, checkGuards } = await victim(rig, 0);
    const place = { stag: memory.rkey, ...memory.address };
    const frame = taggedFrame({ ...place, payload: BLOCK });
    await writeBytes(peer, frame.subarray(0, cut));
    peer.close();
    await end.recorder.until("closed");
    assert.deepEqual(end.recorder.events, ["broken", "closed"]);
    assert.equal(end.recorder.failure!.errno, ERRNO.ECONNRESET);
    checkGuards();
    rig.fabric().release(end.ticket);
  }
  assert.deepEqual(rig.counted(), {});
});

Deno.test("iwarp: a peer's Terminate is reported with its meaning", async () => {
  await using rig = new IwarpRig();
  const { peer, end } = await victim(rig, 0);
  const payload = words(0x1101_0000);
  await writeBytes(peer, untaggedFrame({ rdmap: 0x47, queue: 2, sequence: 1, payload }));
  await end.recorder.until("closed");
  assert.equal(end.recorder.failure!.errno, ERRNO.ECONNABORTED);
  assert.match(end.recorder.failure!.reason, /DDP: base or bounds violation \(1\.1\.1\)/);
  peer.close();
  rig.fabric().release(end.ticket);
});

Deno.test("iwarp: a peer that never reads neither blocks others nor the close", async () => {
  await using rig = new IwarpRig();
  const { peer, end } = await victim(rig, 0);
  const [client, server] = await rig.pair();
  const at = rig.memory.allocate(2 ** 20, "source");
  for (let i = 0; i < 16; i++) end.connection.send(at, 2 ** 20);
  client.connection.immediate(1);
  await server.recorder.until("immediate 1");
  await new Promise((resolve) => setTimeout(resolve, 50));
  end.connection.close();
  await end.recorder.until("closed");
  assert.deepEqual(end.recorder.events, ["closed"]);
  peer.close();
  rig.fabric().release(end.ticket);
  await rig.close(client, server);
});

Deno.test("iwarp: posting more than was agreed breaks the connection, not the program", async () => {
  await using rig = new IwarpRig();
  const { peer, end } = await victim(rig, 0);
  for (let i = 0; i < 17; i++) end.connection.immediate(i);
  assert.deepEqual(end.recorder.events, [], "nothing is reported from within a post");
  await end.recorder.until("closed");
  assert.equal(end.recorder.failure!.errno, ERRNO.ENOBUFS);
  end.connection.immediate(1);
  end.connection.close();
  assert.deepEqual(end.recorder.events, ["broken", "closed"]);
  peer.close();
  rig.fabric().release(end.ticket);
});
