/** Somebody who uses a block queue of a reactor, and how to make it go away. */
import type { DeviceQueue } from "../../rnbd/client/block_lane.ts";

/** See the head of this file. */
export interface QueueUser {
  readonly queue: DeviceQueue;
  stop(): void;
}
