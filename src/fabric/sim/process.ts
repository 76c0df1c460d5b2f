/**
 * A simulated process: an arena, a clock and threads that all stop at the same instant when it is
 * killed. What it owned outside (disks) stays.
 */
import type { ArenaAllocator } from "../../ring/arena.ts";
import { DeferredTasks, type Flushable } from "../../ring/executor.ts";
import type { SimRandom } from "./random.ts";
import type { SimEvent, SimScheduler } from "./scheduler.ts";

/** The end of a batch comes this long after the first event of it, at most. */
const BATCH_MS_MAX = 0.02;

/** See the head of this file. */
export class SimProcess {
  isAlive = true;
  /** Timers that were set and have neither fired nor been cancelled. */
  timers = 0;
  /** When somebody was last told of a message of another host, by that host's address. */
  readonly heardFrom = new Map<string, number>();
  /** The clock of the state machines: the scheduler's time, while the process lives. */
  readonly clock = {
    now: () => this.scheduler.now(),
    after: (delayMs: number, action: () => void) => this.setTimer(delayMs, action),
  };

  /** @param address the host it runs on; one process a host at a time */
  constructor(
    readonly scheduler: SimScheduler,
    readonly random: SimRandom,
    readonly address: string,
    readonly memory: ArenaAllocator,
  ) {}

  /** Has `action` happen unless the process was killed by then. */
  schedule(delayMs: number, action: () => void): SimEvent {
    return this.scheduleAt(this.scheduler.now() + delayMs, action);
  }

  /** The same at a fixed time. */
  scheduleAt(time: number, action: () => void): SimEvent {
    return this.scheduler.at(time, () => {
      if (this.isAlive) action();
    });
  }

  /** Stops everything at once: no callback of it runs any more. */
  kill(): void {
    this.isAlive = false;
  }

  private setTimer(delayMs: number, action: () => void): { cancel(): void } {
    this.timers++;
    let isPending = true;
    const event = this.scheduler.after(delayMs, () => {
      isPending = false;
      this.timers--;
      if (this.isAlive) action();
    });
    const cancel = () => {
      if (!isPending) return;
      isPending = false;
      event.cancelled = true;
      this.timers--;
    };
    return { cancel };
  }
}

/** One thread of a process: where deferred work is done at the end of a batch. */
export class SimThread {
  private readonly tasks = new DeferredTasks();
  private isFlushing = false;

  constructor(readonly process: SimProcess) {}

  /** Has `task.flush()` called at the end of the batch, as executors do. */
  defer(task: Flushable): void {
    this.tasks.add(task);
    if (this.isFlushing) return;
    this.isFlushing = true;
    this.process.schedule(this.process.random.between(0, BATCH_MS_MAX), () => {
      this.tasks.run();
      this.isFlushing = false;
    });
  }
}
