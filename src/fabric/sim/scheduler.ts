/**
 * Virtual time: events in order of their time, then of their making. Nothing happens between
 * events, so a simulated hour takes as long as what happens in it. The hash over all events tells
 * whether two runs were the same.
 */

/** Something that will happen. */
export interface SimEvent {
  readonly time: number;
  readonly sequence: number;
  cancelled: boolean;
  readonly action: () => void;
}

const FNV_PRIME = 0x0100_0193;
const FNV_BASIS = 0x811c_9dc5;

/** See the head of this file. Times are milliseconds from the start of the simulation. */
export class SimScheduler {
  /** Events that happened. */
  executed = 0;
  private time = 0;
  private sequence = 0;
  private hash = FNV_BASIS;
  private readonly heap: SimEvent[] = [];
  private readonly double = new Float64Array(1);
  private readonly words = new Uint32Array(this.double.buffer);

  /** The virtual time, milliseconds. */
  now(): number {
    return this.time;
  }

  /** Has `action` happen `delayMs` from now. */
  after(delayMs: number, action: () => void): SimEvent {
    return this.at(this.time + delayMs, action);
  }

  /** Has `action` happen at a time that has not passed; exact, where a delay would be rounded. */
  at(time: number, action: () => void): SimEvent {
    if (!(time >= this.time)) throw new RangeError(`${time} ms is over`);
    const event = {
      time,
      sequence: this.sequence++,
      cancelled: false,
      action,
    };
    this.push(event);
    return event;
  }

  /** Adds a number to the hash of the run. */
  note(value: number): void {
    this.hash = Math.imul(this.hash ^ value, FNV_PRIME);
  }

  /** Hash over the times of all events and over everything noted. */
  get traceHash(): number {
    return this.hash >>> 0;
  }

  /** Lets the next event happen; false when there is none. */
  step(): boolean {
    const event = this.pop();
    if (event === undefined) return false;
    if (event.cancelled) return true;
    this.time = event.time;
    this.executed++;
    this.double[0] = event.time;
    this.note(this.words[0]!);
    this.note(this.words[1]!);
    event.action();
    return true;
  }

  /** Lets everything up to `time` happen. */
  runUntil(time: number): void {
    while (this.heap.length > 0 && this.heap[0]!.time <= time) this.step();
    this.time = Math.max(this.time, time);
  }

  private isBefore(a: SimEvent, b: SimEvent): boolean {
    return a.time < b.time || (a.time === b.time && a.sequence < b.sequence);
  }

  private push(event: SimEvent): void {
    const heap = this.heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(event, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  private pop(): SimEvent | undefined {
    const heap = this.heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!this.isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}
