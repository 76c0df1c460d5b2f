/** All counters of one thread, in one range of the arena. */
import { REJECTION_NAMES } from "../../fabric/iwarp/rejection.ts";
import { MPA_REJECTION_NAMES } from "../../fabric/iwarp/mpa.ts";
import { VERBS_COUNTER_NAMES } from "../../fabric/verbs/counters.ts";
import { NBD_COUNTERS } from "../../nbd/counters.ts";
import { UBLK_COUNTERS } from "../../ublk/counters.ts";
import type { Arena } from "../../ring/arena.ts";
import { CounterBlock } from "../../ring/counters.ts";
import { IO_COUNTERS } from "../../rnbd/server/io_lane.ts";
import { IO_REJECTIONS } from "../../rnbd/server/io_gate.ts";
import { REQUEST_REJECTIONS } from "../../rtrs/server/gate.ts";
import { CONNECT_REFUSALS } from "../../rtrs/server/server.ts";

/** `heap_bytes` is a gauge: the JS heap in use when the thread last heard from main. */
const RING_COUNTERS = ["io_uring_enters", "heap_bytes"] as const;

const GROUPS = [
  RING_COUNTERS,
  IO_COUNTERS,
  REQUEST_REJECTIONS,
  IO_REJECTIONS,
  REJECTION_NAMES,
  MPA_REJECTION_NAMES,
  CONNECT_REFUSALS,
  NBD_COUNTERS,
  UBLK_COUNTERS,
  VERBS_COUNTER_NAMES,
];

/** The counters of one thread; `offset` is the arena range that main allocated for them. */
export class ThreadCounters {
  readonly ring: CounterBlock<(typeof RING_COUNTERS)[number]>;
  readonly io: CounterBlock<(typeof IO_COUNTERS)[number]>;
  readonly requestRejections: CounterBlock<(typeof REQUEST_REJECTIONS)[number]>;
  readonly ioRejections: CounterBlock<(typeof IO_REJECTIONS)[number]>;
  readonly frameRejections: CounterBlock<string>;
  readonly startUpRejections: CounterBlock<string>;
  readonly connectRefusals: CounterBlock<(typeof CONNECT_REFUSALS)[number]>;
  readonly nbd: CounterBlock<(typeof NBD_COUNTERS)[number]>;
  readonly ublk: CounterBlock<(typeof UBLK_COUNTERS)[number]>;
  readonly verbs: CounterBlock<(typeof VERBS_COUNTER_NAMES)[number]>;

  /** Bytes of arena that a thread's counters take. */
  static readonly BYTES = GROUPS.reduce((sum, names) => sum + CounterBlock.bytes(names), 0);

  constructor(arena: Arena, offset: number) {
    let at = offset;
    const block = <Name extends string>(names: readonly Name[]) => {
      const result = new CounterBlock(arena, at, names);
      at += CounterBlock.bytes(names);
      return result;
    };
    this.ring = block(RING_COUNTERS);
    this.io = block(IO_COUNTERS);
    this.requestRejections = block(REQUEST_REJECTIONS);
    this.ioRejections = block(IO_REJECTIONS);
    this.frameRejections = block(REJECTION_NAMES);
    this.startUpRejections = block(MPA_REJECTION_NAMES);
    this.connectRefusals = block(CONNECT_REFUSALS);
    this.nbd = block(NBD_COUNTERS);
    this.ublk = block(UBLK_COUNTERS);
    this.verbs = block(VERBS_COUNTER_NAMES);
  }

  /** What was refused, by reason. */
  rejections(): Record<string, number> {
    const { ok: _request, ...requests } = this.requestRejections.read();
    const { ok: _io, ...ios } = this.ioRejections.read();
    const nbd = Object.entries(this.nbd.read()).filter(([name]) =>
      (name.startsWith("nbd_rejected_") && name !== "nbd_rejected_none") ||
      name.startsWith("nbd_negotiation_")
    );
    return {
      ...requests,
      ...ios,
      ...this.frameRejections.read(),
      ...this.startUpRejections.read(),
      ...this.connectRefusals.read(),
      ...Object.fromEntries(nbd),
    };
  }

  /** What was done. */
  activity(): Record<string, number> {
    const nbd = Object.entries(this.nbd.read()).filter(([name]) =>
      !name.startsWith("nbd_rejected_") && !name.startsWith("nbd_negotiation_")
    );
    return {
      ...this.ring.read(),
      ...this.io.read(),
      ...this.ublk.read(),
      ...this.verbs.read(),
      ...Object.fromEntries(nbd),
    };
  }
}
