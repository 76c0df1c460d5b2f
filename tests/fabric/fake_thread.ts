/** A thread for connections on a fake device. */
import assert from "node:assert/strict";
import type { Arena } from "../../src/ring/arena.ts";
import { DeferredTasks, type Executor, type Flushable } from "../../src/ring/executor.ts";
import { CQE_FLAG, OP, POLL_ADD_MULTI } from "../../src/ring/opcodes.ts";
import type { CompletionHandler, Ring } from "../../src/ring/ring.ts";

/** The kernel ends a multishot poll when it cannot post a completion; here now and then. */
const SHOTS_MAX = 5;

/** A thread whose ring knows only multishot POLL_ADD of one descriptor and its cancellation. */
export class FakeThread implements Executor {
  readonly tasks = new DeferredTasks();
  readonly ring: Ring;
  private handler: CompletionHandler | undefined;
  private polling = false;
  private cancelled = false;
  private shots = 0;
  private seen = 0;
  /** The descriptor: what waits there, and what ever came. A poll tells of a change, once. */
  channel: { readonly events: number; readonly eventsEver: number } = { events: 0, eventsEver: 0 };

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
      prepare: (opcode: number, _fd: number, _low: number, _high: number, length: number) => {
        assert.equal(opcode, OP.POLL_ADD);
        assert.equal(length, POLL_ADD_MULTI);
        assert.ok(!this.polling, "two polls at a time");
        this.polling = true;
        this.shots = 0;
        this.seen = this.channel.events > 0 ? -1 : this.channel.eventsEver;
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
    const { eventsEver } = this.channel;
    if (!this.polling || !(this.cancelled || eventsEver !== this.seen)) return moved;
    this.seen = eventsEver;
    this.polling = !this.cancelled && ++this.shots < SHOTS_MAX;
    this.cancelled = false;
    this.handler!.onCompletion(0, 0, 1, this.polling ? CQE_FLAG.MORE : 0);
    return true;
  }
}
