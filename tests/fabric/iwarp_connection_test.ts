/** All kinds of messages between two connections over real TCP, with and without CRCs. */
import assert from "node:assert/strict";
import { setSocketOption } from "../../src/ffi/libc.ts";
import type { RegisteredMemory } from "../../src/fabric/fabric.ts";
import { Random } from "../support/random.ts";
import { type End, IwarpRig, waitFor } from "./iwarp_rig.ts";

const MIB = 2 ** 20;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const GUARD_BYTES = 4096;
const GUARD = 0xa5;

/** Exposed memory between guards that nobody may touch. */
class GuardedRange {
  readonly memory: RegisteredMemory;
  private readonly start: number;

  constructor(private readonly rig: IwarpRig, end: End, readonly length: number) {
    this.start = rig.memory.allocate(length + 2 * GUARD_BYTES, "guarded range");
    rig.arena.u8.fill(GUARD, this.start, this.start + length + 2 * GUARD_BYTES);
    this.memory = rig.fabric().register(end.ticket, this.start + GUARD_BYTES, length, "remote");
    end.connection.expose(this.memory);
  }

  get bytes(): Uint8Array {
    return this.rig.arena.u8.subarray(this.memory.at, this.memory.at + this.length);
  }

  check(): void {
    const u8 = this.rig.arena.u8;
    for (let i = 0; i < GUARD_BYTES; i++) {
      assert.equal(u8[this.start + i], GUARD, "the guard before was written to");
      assert.equal(u8[this.memory.at + this.length + i], GUARD, "the guard after was written to");
    }
  }
}

for (const crc of ["off", "on"] as const) {
  const name = (what: string) => `iwarp, CRC ${crc}: ${what}`;

  Deno.test(
    name("writes of every length arrive whole, in order, before their immediate"),
    async () => {
      await using rig = new IwarpRig();
      const [client, server] = await rig.pair(crc);
      const target = new GuardedRange(rig, server, MIB + 8);
      const source = rig.memory.allocate(2 * MIB, "source");
      const random = new Random(1);
      random.fill(rig.arena.u8.subarray(source, source + 2 * MIB));
      const lengths = [1, 2, 3, 4, 5, 127, 128, 129, 4096, 16_383, 16_384, 64_735, 64_736, 64_737]
        .concat([65_535, 65_536, 126_976, 126_976 + 56, 300_001, MIB]);
      let immediate = 0;
      for (const length of lengths) {
        for (const skew of [0, 1, 3]) {
          const from = source + skew;
          target.bytes.fill(0);
          const { rkey, address } = target.memory;
          client.connection.writeImmediate(
            from,
            length - (length >> 2),
            from + 1_000_000,
            length >> 2,
            rkey,
            address.high,
            address.low + skew,
            ++immediate,
          );
          await server.recorder.until(`immediate ${immediate}`);
          const first = rig.arena.u8.subarray(from, from + length - (length >> 2));
          const second = rig.arena.u8.subarray(from + 1_000_000, from + 1_000_000 + (length >> 2));
          const arrived = target.bytes;
          assert.deepEqual(arrived.subarray(skew, skew + first.length), first);
          assert.deepEqual(arrived.subarray(skew + first.length, skew + length), second);
          assert.ok(arrived.subarray(0, skew).every((byte) => byte === 0));
          assert.ok(arrived.subarray(skew + length).every((byte) => byte === 0));
        }
      }
      target.check();
      assert.deepEqual(rig.counted(), {});
      await rig.close(client, server);
    },
  );

  Deno.test(name("sends, immediates and invalidations arrive in the order posted"), async () => {
    await using rig = new IwarpRig();
    const [client, server] = await rig.pair("auto", crc);
    const source = rig.memory.allocate(MIB, "source");
    new Random(2).fill(rig.arena.u8.subarray(source, source + MIB));
    const target = new GuardedRange(rig, client, 4096);
    const { rkey } = target.memory;
    const to = server.connection;
    to.send(source, 0);
    to.immediate(0xffff_ffff);
    to.send(source + 1, 100_003);
    to.sendImmediate(source, 8, 5);
    to.send(source, MIB);
    to.sendInvalidate(rkey);
    to.immediate(9);
    await client.recorder.until("immediate 9");
    assert.deepEqual(client.recorder.events, [
      "send 0",
      "immediate 4294967295",
      "send 100003",
      "send 8",
      "immediate 5",
      "send 1048576",
      `invalidated ${rkey}`,
      "immediate 9",
    ]);
    assert.deepEqual(
      client.recorder.sends[1],
      rig.arena.u8.slice(source + 1, source + 1 + 100_003),
    );
    assert.deepEqual(client.recorder.sends[3], rig.arena.u8.slice(source, source + MIB));
    await rig.close(client, server);
  });

  Deno.test(name("a mixed load both ways, with small send buffers, loses nothing"), async () => {
    await using rig = new IwarpRig();
    const [client, server] = await rig.pair(crc);
    for (const end of [client, server]) {
      setSocketOption(end.ticket.details["fd"] as number, SOL_SOCKET, SO_SNDBUF, 16_384);
    }
    await Promise.all([
      exchange(rig, client, server, 11),
      exchange(rig, server, client, 12),
    ]);
    assert.deepEqual(rig.counted(), {});
    await rig.close(client, server);
  });
}

/** Random writes, each checked when its immediate arrives; up to 64 under way. */
async function exchange(rig: IwarpRig, from: End, to: End, seed: number): Promise<void> {
  const SLOTS = 64;
  const SLOT_BYTES = 160 * 1024;
  const MESSAGES = 600;
  const random = new Random(seed);
  const target = new GuardedRange(rig, to, SLOTS * SLOT_BYTES);
  const source = rig.memory.allocate(SLOTS * SLOT_BYTES, "source");
  random.fill(rig.arena.u8.subarray(source, source + SLOTS * SLOT_BYTES));
  const lengths = new Uint32Array(SLOTS);
  const free = Array.from({ length: SLOTS }, (_, slot) => slot);
  let posted = 0;
  let done = 0;
  const post = () => {
    while (free.length > 0 && posted < MESSAGES) {
      const slot = free.pop()!;
      const length = random.pick([1, 56, 88, 512, 4096, 4099, 20_000, 65_536, 126_976]) +
        random.below(64);
      lengths[slot] = length;
      posted++;
      const at = source + slot * SLOT_BYTES;
      const { rkey, address } = target.memory;
      const low = address.low + slot * SLOT_BYTES;
      if (random.chance(0.5)) {
        from.connection.writeImmediate(at, length, 0, 0, rkey, address.high, low, slot);
      } else {
        from.connection.write(at, length, rkey, address.high, low);
        from.connection.immediate(slot);
      }
    }
  };
  to.recorder.onEvent = (event) => {
    const slot = Number(event.split(" ")[1]);
    const at = slot * SLOT_BYTES;
    const sent = rig.arena.u8.subarray(source + at, source + at + lengths[slot]!);
    assert.deepEqual(target.bytes.subarray(at, at + lengths[slot]!), sent);
    target.bytes.fill(0, at, at + lengths[slot]!);
    done++;
    free.push(slot);
    post();
  };
  post();
  await waitFor(() => done === MESSAGES, () => `${MESSAGES} messages; ${done} came`);
  to.recorder.onEvent = () => {};
  target.check();
}
