/** A first-in-first-out list of tags, each at most once. */
export class TagQueue {
  length = 0;
  private readonly tags: Uint16Array;
  private head = 0;

  /** @param capacity how many tags there are */
  constructor(capacity: number) {
    this.tags = new Uint16Array(capacity);
  }

  /** The oldest; the queue is not empty. */
  get first(): number {
    return this.tags[this.head]!;
  }

  /** Adds a tag that is not in it. */
  push(tag: number): void {
    this.tags[(this.head + this.length) % this.tags.length] = tag;
    this.length++;
  }

  /** Drops the oldest. */
  shift(): void {
    this.head = (this.head + 1) % this.tags.length;
    this.length--;
  }
}
