/**
 * What each disk did since the program started, by its name: the blocks of `io_statistics.ts` in
 * the arena that the reactors count in. A disk that is taken away keeps its block, and goes on in
 * it when it comes back, so that no count ever goes down. Of those that are away a bounded number
 * is kept; the ones that left first are added up under {@link OTHER_DISKS}.
 */
import type { ArenaAllocator } from "../../ring/arena.ts";
import { IO_ROW, IO_ROWS, UNMEASURED_ROW } from "../../rnbd/io_statistics.ts";
import type { IoStatistics } from "../status.ts";
import { histogramsOf, type IoHistograms, totalsOf } from "./io_totals.ts";
import { IDLE_DISKS_MAX } from "./limits.ts";

/** Stands for disks that are forgotten; no mapping and no export can be called so. */
export const OTHER_DISKS = "other/";

const BLOCK_FLOATS = IO_ROWS * IO_ROW.FLOATS;
const ROW_BYTES = IO_ROW.FLOATS * Float64Array.BYTES_PER_ELEMENT;

/** The counts of one disk. In a full arena nothing is counted: the disk matters more. */
export class IoAccount {
  /** How many use it now. */
  users = 0;
  /** First row of the block of each reactor. */
  readonly rows: readonly number[];
  private readonly at: number | undefined;

  constructor(readonly name: string, private readonly memory: ArenaAllocator, reactors: number) {
    this.at = allocate(memory, reactors, name);
    const { at } = this;
    this.rows = Array.from(
      { length: reactors },
      (_, i) => at === undefined ? UNMEASURED_ROW : at / ROW_BYTES + i * IO_ROWS,
    );
  }

  /** False when nothing is counted. */
  get isMeasured(): boolean {
    return this.at !== undefined;
  }

  /** The sum over all reactors, laid out as one block. */
  sum(): Float64Array {
    const { f64 } = this.memory.arena;
    const sum = new Float64Array(BLOCK_FLOATS);
    if (!this.isMeasured) return sum;
    for (const row of this.rows) {
      const at = row * IO_ROW.FLOATS;
      for (let i = 0; i < BLOCK_FLOATS; i++) sum[i]! += f64[at + i]!;
    }
    return sum;
  }

  /** For `status`. */
  totals(): IoStatistics {
    return totalsOf(this.sum());
  }

  /** Gives the memory back; no reactor counts in it any more. */
  free(): void {
    if (this.at !== undefined) this.memory.release(this.at);
  }
}

function allocate(memory: ArenaAllocator, reactors: number, name: string): number | undefined {
  try {
    return memory.allocate(reactors * IO_ROWS * ROW_BYTES, `counting the requests of ${name}`);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** See the head of this file. */
export class IoLedger {
  /** In the order in which they were last left; the ones in use are among them. */
  private readonly accounts = new Map<string, IoAccount>();
  private readonly others = new Float64Array(BLOCK_FLOATS);
  private hasOthers = false;
  private idle = 0;

  /** @param idleMax disks that are not in use and are kept apart */
  constructor(
    private readonly memory: ArenaAllocator,
    private readonly reactors: number,
    private readonly idleMax = IDLE_DISKS_MAX,
  ) {}

  /** The disk `name` is used from now on; {@link release} ends that, once for each call. */
  open(name: string): IoAccount {
    let account = this.accounts.get(name);
    if (account === undefined) {
      account = new IoAccount(name, this.memory, this.reactors);
      this.accounts.set(name, account);
    } else if (account.users === 0) this.idle--;
    account.users++;
    return account;
  }

  /** One user less; the reactors have let go of the disk. */
  release(account: IoAccount): void {
    if (account.users === 0) throw new Error(`${account.name} is not in use`);
    account.users--;
    if (account.users > 0) return;
    this.accounts.delete(account.name);
    // With room then, the next one of that name is counted.
    if (!account.isMeasured) return;
    this.accounts.set(account.name, account);
    this.idle++;
    if (this.idle > this.idleMax) this.forgetOldest();
  }

  private forgetOldest(): void {
    for (const account of this.accounts.values()) {
      if (account.users > 0) continue;
      account.sum().forEach((count, i) => this.others[i]! += count);
      this.hasOthers = true;
      this.accounts.delete(account.name);
      account.free();
      this.idle--;
      return;
    }
  }

  /** What the disk `name` did; undefined when it was never used, or is forgotten. */
  totals(name: string): IoStatistics | undefined {
    return this.accounts.get(name)?.totals();
  }

  /** Everything that is known, sorted by name; the forgotten ones last. */
  histograms(): [name: string, histograms: IoHistograms][] {
    const accounts = [...this.accounts.values()].sort((a, b) => a.name < b.name ? -1 : 1);
    const known = accounts.map((account): [string, IoHistograms] => [
      account.name,
      histogramsOf(account.sum()),
    ]);
    return this.hasOthers ? [...known, [OTHER_DISKS, histogramsOf(this.others)]] : known;
  }
}
