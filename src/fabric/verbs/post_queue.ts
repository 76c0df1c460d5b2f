/**
 * The posts of one connection: into the send ring while it has room, behind it in order when it
 * is full, and handed to the device as one chain at the end of a batch.
 */
import type { SendRing } from "./send_ring.ts";
import { WAITING_FULL, WAITING_WORD, WaitingPosts } from "./waiting_posts.ts";

/** See the head of this file. */
export class PostQueue {
  /** Set when more was posted than may wait. */
  overran = false;
  private readonly waiting: WaitingPosts;

  /** @param postsMax posts that may wait while the send ring is full */
  constructor(private readonly ring: SendRing, postsMax: number) {
    this.waiting = new WaitingPosts(postsMax);
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
    const slot = waiting.push();
    if (slot === WAITING_FULL) {
      this.overran = true;
      return;
    }
    const { places, words } = waiting;
    const place = waiting.placeOf(slot);
    places[place] = first;
    places[place + 1] = second;
    const word = waiting.wordOf(slot);
    words[word + WAITING_WORD.OPCODE] = opcode;
    words[word + WAITING_WORD.FIRST_LENGTH] = firstLength;
    words[word + WAITING_WORD.SECOND_LENGTH] = secondLength;
    words[word + WAITING_WORD.RKEY] = rkey;
    words[word + WAITING_WORD.ADDRESS_HIGH] = addressHigh;
    words[word + WAITING_WORD.ADDRESS_LOW] = addressLow;
    words[word + WAITING_WORD.ARGUMENT] = argument;
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
        words[word + WAITING_WORD.OPCODE]!,
        places[place]!,
        words[word + WAITING_WORD.FIRST_LENGTH]!,
        places[place + 1]!,
        words[word + WAITING_WORD.SECOND_LENGTH]!,
        words[word + WAITING_WORD.RKEY]!,
        words[word + WAITING_WORD.ADDRESS_HIGH]!,
        words[word + WAITING_WORD.ADDRESS_LOW]!,
        words[word + WAITING_WORD.ARGUMENT]!,
      );
      waiting.shift();
    }
  }
}
