/** What a connection, disk or socket needs of the thread it lives on, be it a reactor or main. */
import type { Arena } from "./arena.ts";
import type { Ring } from "./ring.ts";

/** Work that is collected over a batch of completions and done once at its end. */
export interface Flushable {
  /** Owned by the executor: true between {@link Executor.defer} and `flush`. */
  deferred: boolean;
  /** Posts what the batch collected. May defer others, and itself again. */
  flush(): void;
}

/** A thread that runs a ring: reap everything, handle everything, flush once, enter once. */
export interface Executor {
  readonly ring: Ring;
  readonly arena: Arena;
  /** Has `task.flush()` called once before the ring is entered next. */
  defer(task: Flushable): void;
  /**
   * Whoever waits for this core may run once before the ring is waited on: a local program is
   * about to send more, and a larger batch is worth more than the shortest delay.
   */
  giveWay(): void;
  /** Long transfers are under way: polling would only take the core from those who copy. */
  sleepAtOnce(): void;
  /** Many messages are under way: while polling, the first answers may wait for some more. */
  gather(): void;
}

/**
 * The list behind {@link Executor.defer}. It grows to the number of tasks there are, then stays:
 * counts are kept apart, since an array whose length is set to 0 gives its memory away, and the
 * next batch would have to allocate it again.
 */
export class DeferredTasks {
  private tasks: Flushable[] = [];
  private count = 0;
  private running: Flushable[] = [];

  /** Adds a task unless it is waiting already. */
  add(task: Flushable): void {
    if (task.deferred) return;
    task.deferred = true;
    this.tasks[this.count++] = task;
  }

  /** Runs all tasks, those deferred meanwhile too. */
  run(): void {
    while (this.count > 0) {
      const batch = this.tasks;
      const count = this.count;
      this.tasks = this.running;
      this.running = batch;
      this.count = 0;
      for (let i = 0; i < count; i++) {
        const task = batch[i]!;
        task.deferred = false;
        task.flush();
      }
    }
  }
}
