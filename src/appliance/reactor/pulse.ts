/**
 * Whether the reactors of this process still turn. Each is asked in short intervals, by a number in
 * shared memory that it repeats when it comes to its mailbox: one that is blocked in a system call,
 * or that a bug keeps busy, does not. Time is counted in beats, not by the clock, so that a process
 * that was itself stopped for a while accuses nobody when it goes on.
 */
import { log } from "../log.ts";

/** Who is asked. */
export interface PulseSubject {
  readonly index: number;
  /** Asks; never blocks. */
  ping(): void;
  /** Whether everything that was asked is answered. */
  readonly isAnswered: boolean;
}

/** How often is asked, and when a reactor is taken for dead. */
export interface PulseTiming {
  readonly intervalMs: number;
  /** Beats without an answer. */
  readonly silentBeats: number;
}

/**
 * A reactor wakes once a second for it, which costs a few microseconds. Ten seconds are a thousand
 * times what the longest batch takes, also where many programs share the processors.
 */
export const PULSE_TIMING: PulseTiming = { intervalMs: 1_000, silentBeats: 10 };

interface State {
  /** The last beat by which it had answered. */
  answeredAt: number;
  missed: number;
}

/** See the head of this file. */
export class Pulse {
  /** Called after every beat. */
  onBeat: (() => void) | undefined;
  private readonly subjects = new Map<PulseSubject, State>();
  private timing = PULSE_TIMING;
  private timer: ReturnType<typeof setInterval> | undefined;
  private beats = 0;

  /** From now on it is asked. */
  add(subject: PulseSubject): void {
    this.subjects.set(subject, { answeredAt: this.beats + 1, missed: 0 });
    subject.ping();
  }

  /** It ends, or has ended: it is asked no more. */
  remove(subject: PulseSubject): void {
    this.subjects.delete(subject);
  }

  /** Begins to beat; disposing the result ends that. */
  start(timing: PulseTiming): Disposable {
    this.timing = timing;
    clearInterval(this.timer);
    this.timer = setInterval(() => this.beat(), timing.intervalMs);
    Deno.unrefTimer(this.timer);
    return { [Symbol.dispose]: () => clearInterval(this.timer) };
  }

  /** The number of the last beat. */
  get now(): number {
    return this.beats;
  }

  /** Looks who has answered, and asks anew. */
  beat(): void {
    this.beats++;
    for (const [subject, state] of this.subjects) {
      if (subject.isAnswered) this.hasAnswered(subject, state);
      else this.hasMissed(subject, state);
    }
    this.onBeat?.();
  }

  private hasAnswered(subject: PulseSubject, state: State): void {
    const { silentBeats } = this.timing;
    const wasSilent = state.missed >= silentBeats;
    state.answeredAt = this.beats;
    state.missed = 0;
    if (wasSilent) log.warn("reactor answers again", { reactor: subject.index });
    subject.ping();
  }

  private hasMissed({ index }: PulseSubject, state: State): void {
    const { silentBeats, intervalMs } = this.timing;
    state.missed++;
    if (state.missed !== silentBeats) return;
    const silent_ms = silentBeats * intervalMs;
    log.error("reactor does not answer", { reactor: index, silent_ms });
  }

  /** Reactors that are taken for dead, in order. */
  silent(): number[] {
    return this.indexesOf(({ missed }) => missed >= this.timing.silentBeats);
  }

  /** Reactors that have not answered since a beat, in order. */
  unheardSince(beat: number): number[] {
    return this.indexesOf(({ answeredAt }) => answeredAt <= beat);
  }

  private indexesOf(isMeant: (state: State) => boolean): number[] {
    const found = [...this.subjects].filter(([, state]) => isMeant(state));
    return found.map(([{ index }]) => index).sort((a, b) => a - b);
  }
}

/** Of this process: as with the log, whoever has threads adds them. */
export const pulse = new Pulse();
