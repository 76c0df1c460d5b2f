/**
 * The posts of one connection: into the send ring while it has room, behind it in order when it
 * is full, and handed to the device as one chain at the end of a batch.
 */
import { POST_PLACE, POST_WORD, PostRing } from "../post_ring.ts";
import type { SendRing } from "./send_ring.ts";

/** See the head of this file. */
export class PostQueue {
  /** Set when more was posted than may wait. */
  overran = false;
  private readonly waiting: PostRing;

  /** @param postsMax posts that may wait while the send ring is full */
  constructor(private readonly ring: SendRing, postsMax: number) {
    this.waiting = new PostRing(postsMax);
  }

  /** Queues one work request; parameters as those of {@link SendRing.fill}. */
  post(
    opcode: number,
    first: number,
    firstLength: number,
    second: number,
    secondLength: number,
    rkey: number,
    addressHigh: number,
    addressLow: number,
    argument: number,
  ): void {
    const { ring, waiting } = this;
    if (waiting.isEmpty && ring.hasRoom) {
      ring.fill(
        opcode,
        first,
        firstLength,
        second,
        secondLength,
        rkey,
        addressHigh,
        addressLow,
        argument,
      );
      return;
    }
    const isQueued = waiting.push(
      opcode,
      first,
      firstLength,
      second,
      secondLength,
      rkey,
      addressHigh,
      addressLow,
      argument,
    );
    if (!isQueued) this.overran = true;
  }

  /** Moves posts that waited into the ring, as far as it has room. */
  admit(): void {
    const { ring, waiting } = this;
    const { places, words } = waiting;
    while (!waiting.isEmpty && ring.hasRoom) {
      const slot = waiting.first;
      const place = waiting.placeOf(slot);
      const word = waiting.wordOf(slot);
      ring.fill(
        words[word + POST_WORD.KIND]!,
        places[place + POST_PLACE.FIRST]!,
        words[word + POST_WORD.FIRST_LENGTH]!,
        places[place + POST_PLACE.SECOND]!,
        words[word + POST_WORD.SECOND_LENGTH]!,
        words[word + POST_WORD.RKEY]!,
        words[word + POST_WORD.ADDRESS_HIGH]!,
        words[word + POST_WORD.ADDRESS_LOW]!,
        words[word + POST_WORD.ARGUMENT]!,
      );
      waiting.shift();
    }
  }
}
