/** A thread for connections on a fake device. */
import assert from "node:assert/strict";
import type { Arena } from "../../src/ring/arena.ts";
import { DeferredTasks, type Executor, type Flushable } from "../../src/ring/executor.ts";
import { OP } from "../../src/ring/opcodes.ts";
import type { CompletionHandler, Ring } from "../../src/ring/ring.ts";

/** A thread whose ring knows only POLL_ADD of one descriptor and its cancellation. */
export class FakeThread implements Executor {
  readonly tasks = new DeferredTasks();
  readonly ring: Ring;
  private handler: CompletionHandler | undefined;
  private polling = false;
  private cancelled = false;
  readable: () => boolean = () => false;

  constructor(readonly arena: Arena) {
    const ring = {
      sqe: new Int32Array(16),
      addHandler: (handler: CompletionHandler) => {
        this.handler = handler;
        return 1;
      },
      removeHandler: () => {
        assert.ok(!this.polling, "the handler left while its poll was under way");
        this.handler = undefined;
      },
      prepare: (opcode: number) => {
        assert.equal(opcode, OP.POLL_ADD);
        assert.ok(!this.polling, "two polls at a time");
        this.polling = true;
        return 0;
      },
      cancel: () => void (this.cancelled = true),
    };
    this.ring = ring as unknown as Ring;
  }

  private hasTasks = false;

  defer(task: Flushable): void {
    this.hasTasks = true;
    this.tasks.add(task);
  }
  giveWay(): void {}
  sleepAtOnce(): void {}
  gather(): void {}

  /** One turn: flushes, then delivers what the ring has; false when there was nothing. */
  turn(): boolean {
    const moved = this.hasTasks;
    this.tasks.run();
    this.hasTasks = false;
    if (!this.polling || !(this.cancelled || this.readable())) return moved;
    this.polling = false;
    this.cancelled = false;
    this.handler!.onCompletion(0, 0, 1);
    return true;
  }
}
