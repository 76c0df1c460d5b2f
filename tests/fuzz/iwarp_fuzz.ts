/**
 * The iWARP receiver under random and bent streams: it must never throw, never write outside what
 * is exposed and its own memory, and never plan a receive outside them.
 */
import {
  concat,
  immediateFrame,
  plainFpdu,
  taggedFrame,
  untaggedFrame,
  words,
} from "../fabric/iwarp_frames.ts";
import { addressOf, EXPOSED, EXPOSED_BYTES, ReceiverBench } from "../fabric/receiver_bench.ts";
import { decodeMpaHeader, MPA_FRAME } from "../../src/fabric/iwarp/mpa.ts";
import { decodeTerminateControl, describeTerminate } from "../../src/fabric/iwarp/terminate.ts";
import { Random } from "../support/random.ts";

/** Frames per stream; each frame is an input. */
const FRAMES_PER_STREAM = 8;
/** Streams between two looks at the guards, which are 192 KiB. */
const STREAMS_PER_GUARD_CHECK = 16;
const CRC_SHARE = 0.1;
const LARGE_SHARE = 0.002;

/** Makes streams that are right up to a point. */
class StreamMaker {
  private sequence = 1;
  private readonly payload = new Uint8Array(65_000);
  constructor(private readonly random: Random, private readonly crc: boolean) {
    for (let i = 0; i < 256; i++) this.payload[i] = i;
  }
  private bytes(): Uint8Array {
    const random = this.random;
    if (random.chance(LARGE_SHARE)) return this.payload.subarray(0, random.below(65_000));
    return this.payload.subarray(0, random.pick([0, 1, 2, 3, 56, 88]) + random.below(64));
  }
  private place(): { high: number; low: number } {
    const random = this.random;
    if (random.chance(0.9)) return addressOf(random.below(EXPOSED_BYTES - 65_000));
    // At the edges, where a byte too many would hit a guard.
    const edge = random.pick([0, EXPOSED_BYTES, EXPOSED_BYTES - 64]) + random.below(128) - 64;
    return random.chance(0.7) ? addressOf(edge) : { high: random.u32(), low: random.u32() };
  }
  /** One frame, right unless the dice say otherwise. */
  frame(): Uint8Array {
    const random = this.random;
    const crc = this.crc;
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2: {
        const stag = random.chance(0.97) ? EXPOSED.rkey : random.u32();
        const ddp = random.chance(0.97) ? 0xc1 : 0x81;
        return taggedFrame({ ddp, stag, ...this.place(), payload: this.bytes(), crc });
      }
      case 3:
      case 4:
        return immediateFrame(this.sequence++, random.u32(), crc);
      case 5: {
        const rdmap = random.pick([0x43, 0x43, 0x45, 0x44, 0x47]);
        const invalidate = random.chance(0.5) ? EXPOSED.rkey : random.u32();
        const payload = this.bytes();
        return untaggedFrame({ rdmap, invalidate, sequence: this.sequence++, payload, crc });
      }
      case 6: {
        // A SEND in two segments.
        const sequence = this.sequence++;
        const first = words(random.u32());
        return concat(
          untaggedFrame({ ddp: 0x01, sequence, payload: first, crc }),
          untaggedFrame({ sequence, offset: first.length, payload: this.bytes(), crc }),
        );
      }
      default:
        return plainFpdu(random.fill(new Uint8Array(random.below(40))), crc);
    }
  }
}

function makeStream(random: Random, crc: boolean, frames: number): Uint8Array {
  if (random.chance(0.1)) return random.fill(new Uint8Array(random.below(frames * 40)));
  const maker = new StreamMaker(random, crc);
  const stream = concat(...Array.from({ length: frames }, () => maker.frame()));
  return random.chance(0.6) ? random.mutate(stream) : stream;
}

function decodeOthers(random: Random, bytes: Uint8Array): void {
  const kind = random.pick(["request", "reply"] as const);
  const header = decodeMpaHeader(kind, bytes.subarray(0, MPA_FRAME.HEADER_BYTES));
  if (typeof header !== "string" && header.privateDataBytes > 512) throw new Error("too long");
  describeTerminate(decodeTerminateControl(random.u32()));
}

/** Feeds streams; `poke` may do harm after each, to prove that it is noticed. */
function fuzz(inputs: number, seed: number, poke: (bench: ReceiverBench, i: number) => void) {
  const random = new Random(seed);
  const bench = new ReceiverBench(false);
  const streams = Math.ceil(inputs / FRAMES_PER_STREAM);
  for (let i = 0; i < streams; i++) {
    const crc = random.chance(CRC_SHARE);
    const stream = makeStream(random, crc, FRAMES_PER_STREAM);
    const most = random.pick([1_000_000, 1_000_000, 200, 40]);
    bench.restart(crc);
    bench.feed(stream, () => random.below(most));
    decodeOthers(random, stream);
    poke(bench, i);
    if (i % STREAMS_PER_GUARD_CHECK === 0 || i === streams - 1) bench.checkGuards();
  }
}

/** `inputs` frames, or as many bytes of noise. */
export function run(inputs = 400_000, seed = 1): number {
  fuzz(inputs, seed, () => {});
  return inputs;
}

/** The same with one word next to the exposed range written to; must throw. */
export function planted(inputs: number, seed: number): void {
  const half = Math.floor(inputs / FRAMES_PER_STREAM / 2);
  fuzz(inputs, seed, (bench, i) => {
    if (i === half) bench.arena.u32[(EXPOSED.at + EXPOSED_BYTES) / 4] = 0;
  });
}
