/**
 * A reactor: one thread, one ring, one blocking point. It reaps all completions, handles all,
 * flushes once, enters once. Everything that carries I/O lives on one; nothing here is async.
 */
import { yieldCore } from "../ffi/libc.ts";
import { Arena } from "./arena.ts";
import { DeferredTasks, type Executor, type Flushable } from "./executor.ts";
import { REACTOR_RING_ENTRIES } from "./limits.ts";
import { MailboxReader } from "./mailbox.ts";
import { OP, SETUP } from "./opcodes.ts";
import { type CompletionHandler, Ring } from "./ring.ts";
import { TurnClock } from "./turn_clock.ts";

/** What main tells a new reactor; plain numbers, so that it can be sent to a Worker. */
export interface ReactorSetup {
  readonly index: number;
  readonly arenaBase: number;
  readonly arenaBytes: number;
  /** Arena offset of the mailbox. */
  readonly mailbox: number;
  /** eventfd that main signals after it wrote to the mailbox. */
  readonly wakeFd: number;
  /** How long to poll before blocking, in microseconds; 0 = block at once. */
  readonly spinUs: number;
  /** Index in `arena.f64` where the reactor keeps its count of io_uring_enter calls. */
  readonly entersIndex: number;
}

/** Polls between two offers of the core to others, and looks at the clock, while spinning. */
const SPIN_POLLS_PER_YIELD = 16;

/** Calls of sched_yield while answers gather: each takes about half a microsecond. */
const GATHERING_YIELDS = 12;

/** A round of polls and a yield that take longer were interrupted by another thread. */
const CONTENDED_YIELD_US = 20;

/** A long transfer takes a few waits; more, and the next small one would be late. */
const SLEEPS_PER_LONG_TRANSFER = 8;

/** Exponent of the longest row of waits without a spin: 1,024. */
const SPINS_IN_VAIN_MAX = 10;

/** The loop of one reactor thread. */
export class Reactor implements Executor, CompletionHandler {
  readonly ring: Ring;
  /** What requests are measured by. */
  readonly clock = new TurnClock();
  private readonly tasks = new DeferredTasks();
  private readonly mailbox: MailboxReader;
  private readonly handlerId: number;
  /** Arena offset of the 8 bytes that the wake-up read fills. */
  private readonly wakeBuffer: number;
  private stopping = false;
  private givesWay = false;
  private gathers = false;
  /** Waits to come that do not poll. */
  private sleepsAtOnce = 0;
  private spinsInVain = 0;
  private spinsToSkip = 0;

  /**
   * @param receive called with each message from main, on this thread, between batches
   */
  constructor(
    readonly arena: Arena,
    private readonly setup: ReactorSetup,
    private readonly receive: (message: unknown) => void,
  ) {
    const spin = setup.spinUs > 0 ? SETUP.TASKRUN_FLAG : 0;
    this.ring = new Ring(
      REACTOR_RING_ENTRIES,
      SETUP.SINGLE_ISSUER | SETUP.DEFER_TASKRUN | SETUP.COOP_TASKRUN | spin,
    );
    this.mailbox = new MailboxReader(arena, setup.mailbox);
    this.wakeBuffer = setup.mailbox + 96;
    this.handlerId = this.ring.addHandler(this);
    this.armWake();
  }

  private armWake(): void {
    const low = this.wakeBuffer >>> 0;
    const high = this.arena.addressHigh(this.wakeBuffer);
    this.ring.prepare(OP.READ, this.setup.wakeFd, low, high, 8, this.handlerId, 0, 0);
  }

  /** The wake-up from main. */
  onCompletion(): void {
    this.armWake();
    this.mailbox.drain(this.receive);
  }

  defer(task: Flushable): void {
    this.tasks.add(task);
  }

  giveWay(): void {
    this.givesWay = true;
  }

  sleepAtOnce(): void {
    this.sleepsAtOnce = SLEEPS_PER_LONG_TRANSFER;
  }

  gather(): void {
    this.gathers = true;
  }

  /** Ends {@link run} after the current batch. */
  stop(): void {
    this.stopping = true;
  }

  /** Runs until {@link stop}. Blocks the thread. */
  run(): void {
    const ring = this.ring;
    while (!this.stopping) {
      this.tasks.run();
      if (this.stopping) break;
      if (this.setup.spinUs > 0) this.spinThenWait();
      else if (this.givesWay) this.yieldThenWait();
      else ring.submitAndWait(1);
      this.clock.beginTurn();
      ring.dispatch();
      this.arena.f64[this.setup.entersIndex] = ring.enters;
    }
    ring.close();
  }

  private yieldThenWait(): void {
    const ring = this.ring;
    this.givesWay = false;
    ring.submit();
    yieldCore();
    ring.submitAndWait(ring.hasCompletions() ? 0 : 1);
  }

  /** A few microseconds, in which others may use the core. */
  private pause(): void {
    this.gathers = false;
    for (let i = 0; i < GATHERING_YIELDS; i++) yieldCore();
  }

  /**
   * Polls for a while before it blocks: a sleeping core takes long to wake, in a virtual machine
   * longer than a whole request. Whoever waits for the core gets it first, and after polls in
   * vain the next ones are left out, twice as many each time.
   */
  private spinThenWait(): void {
    const ring = this.ring;
    if (this.sleepsAtOnce > 0) {
      this.sleepsAtOnce--;
      return ring.submitAndWait(1);
    }
    if (ring.hasUnsubmitted()) {
      ring.submit();
      if (ring.hasCompletions()) return;
    }
    if (this.spinsToSkip > 0) {
      this.spinsToSkip--;
      return ring.submitAndWait(1);
    }
    const { clock } = this;
    clock.beginTurn();
    const endUs = clock.us[0]! + this.setup.spinUs;
    for (let beforeUs = clock.us[0]!; beforeUs < endUs; beforeUs = clock.us[0]!) {
      for (let i = 0; i < SPIN_POLLS_PER_YIELD; i++) {
        if (!ring.hasDeferredWork()) continue;
        if (this.gathers) this.pause();
        ring.submit();
        if (!ring.hasCompletions()) continue;
        this.spinsInVain = 0;
        return;
      }
      yieldCore();
      clock.beginTurn();
      // Somebody had the core meanwhile: it is wanted, and sleeping in between costs little then.
      if (clock.us[0]! - beforeUs > CONTENDED_YIELD_US) break;
    }
    if (this.spinsInVain < SPINS_IN_VAIN_MAX) this.spinsInVain++;
    this.spinsToSkip = 2 ** this.spinsInVain;
    ring.submitAndWait(1);
  }
}
