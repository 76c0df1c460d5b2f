/**
 * What a disk may hold, block by block, judged from what clients asked and were told.
 *
 * Every block is an atomic register. Each write has its own value, so a history is right exactly
 * when no two values exclude each other (Gibbons and Korach, "Testing shared memories", 1997): with
 * `first end` the earliest time at which a value was surely there and `last start` the latest at
 * which it was surely still wanted, a must not end before b's last start while b ends before a's.
 * A write that failed may or may not have happened; it may still happen until its I/O has drained.
 * One that is sent again on another path may happen twice, both times before its end: then it counts
 * as a write that failed besides. A power cut takes a write-back disk to any state that its flushes and FUA writes allow.
 */
import { SimFailure } from "./failure.ts";

/** A write, discard or zeroing as its client sees it. */
export interface ModelWrite {
  /** Value of its blocks; 0 for zeroes, which several writes share. */
  readonly id: number;
  readonly client: number;
  readonly first: number;
  readonly count: number;
  readonly start: number;
  end: number;
  state: "pending" | "done" | "failed" | "possible";
  /** When it did not succeed: it has no effect later than this. */
  effectBy: number;
  readonly fua: boolean;
  isDurable: boolean;
  /** Earlier tries of it. */
  readonly tries: ModelWrite[];
}

/** A write as one block sees it, with the reads that returned it. */
interface Value {
  readonly write: ModelWrite;
  firstReadEnd: number;
  lastReadStart: number;
}

/** The value was there at this time at the latest; Infinity when it may never have been. */
function firstEnd(value: Value): number {
  const { write } = value;
  if (write.state === "done") return Math.min(write.end, value.firstReadEnd);
  return value.firstReadEnd === Infinity ? Infinity : Math.min(write.effectBy, value.firstReadEnd);
}

/** The value was still there at this time at the earliest. */
function lastStart(value: Value): number {
  return Math.max(value.write.start, value.lastReadStart);
}

function exclude(a: Value, b: Value): boolean {
  return firstEnd(a) < lastStart(b) && firstEnd(b) < lastStart(a);
}

/** The latest time at which a write can have had its effect. */
function lastEffect(write: ModelWrite): number {
  return write.state === "done" ? write.end : write.effectBy;
}

/** See the head of this file. */
export class DiskModel {
  private readonly blocks: Value[][] = [];
  /** Writes whose end is not known to be final. */
  private readonly unsettled = new Set<ModelWrite>();
  /** Acknowledged, and lost if the power goes. */
  private readonly volatile = new Set<ModelWrite>();
  private nextId = 1;
  private lastPowerCut = -Infinity;

  /** @param name for messages; `writeCache`: acknowledged writes need a flush to be durable */
  constructor(
    readonly name: string,
    readonly blockCount: number,
    readonly writeCache: boolean,
  ) {
    const blank = this.makeWrite(-1, 0, blockCount, 0, false, -Infinity);
    Object.assign(blank, { end: -Infinity, state: "done", isDurable: true });
    for (let i = 0; i < blockCount; i++) this.blocks.push([valueOf(blank)]);
  }

  private makeWrite(
    client: number,
    first: number,
    count: number,
    id: number,
    fua: boolean,
    start: number,
  ): ModelWrite {
    const open = { end: Infinity, state: "pending" as const, effectBy: Infinity };
    return { id, client, first, count, start, ...open, fua, isDurable: false, tries: [] };
  }

  /** A client submits a write; its blocks will hold `id` of the result. */
  begin(
    client: number,
    first: number,
    count: number,
    isZero: boolean,
    fua: boolean,
    now: number,
  ): ModelWrite {
    const write = this.makeWrite(client, first, count, isZero ? 0 : this.nextId++, fua, now);
    for (let block = first; block < first + count; block++) {
      this.blocks[block]!.push(valueOf(write));
    }
    this.unsettled.add(write);
    return write;
  }

  /** The write may be sent again; what was sent so far may happen, but not after the write's end. */
  repeat(write: ModelWrite, now: number): void {
    if (write.state !== "pending") return;
    const { client, first, count, id, fua, start } = write;
    const earlier = this.makeWrite(client, first, count, id, fua, start);
    Object.assign(earlier, { state: "failed", end: now });
    write.tries.push(earlier);
    this.unsettled.add(earlier);
    for (let block = first; block < first + count; block++) {
      this.blocks[block]!.push(valueOf(earlier));
    }
  }

  private endTries(write: ModelWrite, now: number): void {
    for (const earlier of write.tries.splice(0)) {
      earlier.effectBy = Math.min(earlier.effectBy, now);
      this.unsettled.delete(earlier);
    }
  }

  /** The write ended well. */
  succeed(write: ModelWrite, now: number): void {
    this.endTries(write, now);
    // After a power cut it counts among the possible ones already.
    if (write.state !== "pending") return;
    write.state = "done";
    write.end = now;
    write.isDurable = !this.writeCache || write.fua;
    this.unsettled.delete(write);
    if (!write.isDurable) this.volatile.add(write);
    for (let block = write.first; block < write.first + write.count; block++) {
      const values = this.blocks[block]!;
      this.checkValue(block, values.find((value) => value.write === write)!, "was acknowledged");
    }
  }

  /** It failed. @param isOver nothing of it is still on its way to the disk */
  fail(write: ModelWrite, now: number, isOver: boolean): void {
    if (isOver) this.endTries(write, now);
    if (write.state !== "pending") return;
    write.state = "failed";
    write.end = now;
    if (!isOver) return;
    write.effectBy = Math.min(write.effectBy, now);
    this.unsettled.delete(write);
  }

  /** A flush that began at `start` ended well. */
  flushed(start: number): void {
    for (const write of this.volatile) {
      if (write.end > start) continue;
      write.isDurable = true;
      this.volatile.delete(write);
    }
  }

  /** The server has no I/O of this client any more. */
  drained(client: number, now: number): void {
    for (const write of this.unsettled) {
      if (write.client !== client) continue;
      write.effectBy = Math.min(write.effectBy, now);
      if (write.state === "failed") this.unsettled.delete(write);
    }
  }

  /** The server stopped at once. @param losesCache the power went, not only the process */
  crashed(now: number, losesCache: boolean): void {
    for (const write of this.unsettled) write.effectBy = Math.min(write.effectBy, now);
    if (!losesCache || !this.writeCache) return;
    this.lastPowerCut = now;
    for (let block = 0; block < this.blockCount; block++) this.cutPower(block, now);
    this.unsettled.clear();
    this.volatile.clear();
  }

  /** What may be there after a power cut: all that no durable write has surely replaced. */
  private cutPower(block: number, now: number): void {
    const values = this.blocks[block]!;
    const durable = values.filter(({ write }) => write.isDurable);
    const kept = values.filter(({ write }) =>
      !durable.some((value) => lastEffect(write) < value.write.start)
    );
    this.blocks[block] = kept.map(({ write }) => {
      const { id, client } = write;
      const possible = this.makeWrite(client, block, 1, id, false, now);
      return valueOf(Object.assign(possible, { state: "possible", end: now, effectBy: now }));
    });
    for (const { write } of values) if (write.state === "pending") write.state = "possible";
  }

  /** A read that lasted from `start` to `end` returned `id` for a block. */
  read(block: number, id: number, start: number, end: number): void {
    // The answer may have been on its way since before the power cut.
    if (start < this.lastPowerCut) return;
    const values = this.blocks[block]!.filter(({ write }) => write.id === id && write.start <= end);
    const possible = values.filter((value) => {
      const tried = observe(value, start, end);
      return this.blocks[block]!.every((other) => other === value || !exclude(tried, other));
    });
    if (possible.length === 0) this.report(block, id, start, end, values);
    // Of several writes of zeroes nobody can say which one it was.
    if (possible.length === 1) Object.assign(possible[0]!, observe(possible[0]!, start, end));
  }

  /** Forgets values that nothing can return any more. @param oldest start of the oldest request */
  forget(oldest: number): void {
    for (let block = 0; block < this.blockCount; block++) {
      const values = this.blocks[block]!;
      if (values.length < 8) continue;
      const settled = values.filter(({ write }) => write.isDurable && write.end < oldest);
      const latest = Math.max(-Infinity, ...settled.map(({ write }) => write.start));
      this.blocks[block] = values.filter(({ write }) => !(lastEffect(write) < latest));
    }
  }

  private checkValue(block: number, value: Value, what: string): void {
    for (const other of this.blocks[block]!) {
      if (other === value || !exclude(value, other)) continue;
      throw new SimFailure(
        `${this.name} block ${block}: ${describe(value)} ${what}, which excludes ${
          describe(other)
        }`,
      );
    }
  }

  private report(block: number, id: number, start: number, end: number, values: Value[]): never {
    const when = `from ${start.toFixed(3)} to ${end.toFixed(3)} ms`;
    const found = values.length > 0
      ? `the overwritten value of ${values.map(describe).join(" or ")}`
      : id === -1
      ? "a block that is not whole"
      : `a value that is gone or was never written (#${id})`;
    const others = this.blocks[block]!.map(describe).join("; ");
    throw new SimFailure(
      `${this.name} block ${block}: a read ${when} returned ${found}; possible are: ${others}`,
    );
  }
}

function valueOf(write: ModelWrite): Value {
  return { write, firstReadEnd: Infinity, lastReadStart: -Infinity };
}

function observe(value: Value, start: number, end: number): Value {
  return {
    write: value.write,
    firstReadEnd: Math.min(value.firstReadEnd, end),
    lastReadStart: Math.max(value.lastReadStart, start),
  };
}

function describe({ write, firstReadEnd, lastReadStart }: Value): string {
  const time = (value: number) => Number.isFinite(value) ? value.toFixed(3) : String(value);
  const read = firstReadEnd === Infinity
    ? ""
    : `, read until ${time(firstReadEnd)} and from ${time(lastReadStart)}`;
  return `#${write.id} of client ${write.client} (${write.state}, ${time(write.start)} to ` +
    `${time(write.end)}, effect by ${time(write.effectBy)}${read})`;
}
