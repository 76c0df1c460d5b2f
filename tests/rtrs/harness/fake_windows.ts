/** Memory windows that close when the test says so. */
import assert from "node:assert/strict";
import type { ConnectionWindows, WindowHandler } from "../../../src/fabric/fabric.ts";

/** See the head of this file. */
export class FakeWindows implements ConnectionWindows {
  readonly open_ = new Set<number>();
  /** Windows whose close has not ended, in order. */
  readonly closing: number[] = [];
  private key = 0x5000;

  constructor(private readonly handler: WindowHandler, private readonly isDead: () => boolean) {}

  open(index: number): number {
    if (this.isDead()) return 0;
    assert.ok(!this.open_.has(index), `window ${index} is open`);
    this.open_.add(index);
    return ++this.key;
  }

  /** The key that was given out last. */
  get lastKey(): number {
    return this.key;
  }

  close(index: number): void {
    if (this.isDead()) return;
    assert.ok(this.open_.has(index) && !this.closing.includes(index), `window ${index} is closed`);
    this.closing.push(index);
  }

  /** The oldest close ends. */
  finishClose(): void {
    const index = this.closing.shift();
    assert.ok(index !== undefined, "no window is being closed");
    this.open_.delete(index);
    this.handler.onWindowClosed(index);
  }
}
