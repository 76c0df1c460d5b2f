/** The last minutes of many figures, sampled together. */

/** Two minutes at one sample a second, and the one before. */
export const SAMPLES_MAX = 121;

/** The points of a chart, the oldest first; NaN where nothing is known. */
export interface ChartData {
  /** Wall-clock milliseconds. */
  readonly times: readonly number[];
  /** Of each line. */
  readonly values: readonly (readonly number[])[];
}

/** Figures of one thing over time; NaN where nothing is known. */
interface Track {
  readonly values: Float32Array;
  readonly width: number;
  /** The totals at the last sample; undefined before the first. */
  totals: readonly number[] | undefined;
  /** Sample in which it was last recorded. */
  seen: number;
}

/** Rings of samples under keys. One sample is made with begin, any number of records, end. */
export class History {
  /** Wall-clock milliseconds of the samples. */
  private readonly times = new Float64Array(SAMPLES_MAX).fill(NaN);
  private readonly tracks = new Map<string, Track>();
  private sample = -1;
  private elapsedSeconds = NaN;

  /**
   * @param atMs when, for the time axis
   * @param elapsedMs since the sample before; NaN when the totals have started anew
   */
  begin(atMs: number, elapsedMs: number): void {
    this.sample++;
    this.times[this.slot] = atMs;
    this.elapsedSeconds = elapsedMs / 1000;
  }

  private get slot(): number {
    return this.sample % SAMPLES_MAX;
  }

  /**
   * Totals that only grow become rates.
   * @returns the rates a second; NaN when there is nothing to compare with or a total went down
   */
  recordTotals(key: string, totals: readonly number[]): readonly number[] {
    const track = this.track(key, totals.length);
    const before = track.totals;
    const isContinued = before !== undefined && track.seen === this.sample - 1 &&
      totals.every((total, index) => total >= before[index]!);
    const rates = totals.map((total, index) =>
      isContinued ? (total - before[index]!) / this.elapsedSeconds : NaN
    );
    track.totals = totals;
    this.write(track, rates);
    return rates;
  }

  /** Values as they are. */
  recordValues(key: string, values: readonly number[]): void {
    this.write(this.track(key, values.length), values);
  }

  private track(key: string, width: number): Track {
    let track = this.tracks.get(key);
    if (track === undefined) {
      const values = new Float32Array(SAMPLES_MAX * width).fill(NaN);
      track = { values, width, totals: undefined, seen: -1 };
      this.tracks.set(key, track);
    }
    return track;
  }

  private write(track: Track, values: readonly number[]): void {
    track.values.set(values, this.slot * track.width);
    track.seen = this.sample;
  }

  /** Forgets what was not recorded in this sample: it is gone. */
  end(): void {
    for (const [key, track] of this.tracks) {
      if (track.seen !== this.sample) this.tracks.delete(key);
    }
  }

  /** When the samples were taken, the oldest first. */
  readTimes(): number[] {
    return this.inOrder((slot) => this.times[slot]!);
  }

  /** Figure number `index` of `key` at {@link readTimes}; NaN where it is not known. */
  read(key: string, index: number): number[] {
    const track = this.tracks.get(key);
    return this.inOrder((slot) => track?.values[slot * track.width + index] ?? NaN);
  }

  private inOrder(valueOf: (slot: number) => number): number[] {
    const length = Math.min(this.sample + 1, SAMPLES_MAX);
    const first = this.sample + 1 - length;
    return Array.from({ length }, (_, index) => valueOf((first + index) % SAMPLES_MAX));
  }

  /** The newest value of figure `index`; NaN when there is none. */
  latest(key: string, index: number): number {
    const track = this.tracks.get(key);
    return track === undefined || this.sample < 0
      ? NaN
      : track.values[this.slot * track.width + index]!;
  }

  /** Sum of the known values of figure `index` in the samples that are kept. */
  sum(key: string, index: number): number {
    return this.read(key, index).reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0);
  }
}
