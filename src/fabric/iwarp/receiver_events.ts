/** What a receiver tells its owner. */
import type { FabricConnectionHandler } from "../fabric.ts";

/** What a receiver reports of the peer's messages; the owner may call `stop` meanwhile. */
export type ReceiverEvents = Pick<
  FabricConnectionHandler,
  "onImmediate" | "onSend" | "onInvalidated"
>;

/** What ends a stream. */
export interface ReceiverFaults {
  /** The peer gave up; `control` is its Terminate's control word. No event follows. */
  onTerminate(control: number): void;
  /** A frame broke a rule (an index of REJECT). No event follows. */
  onRejected(reason: number): void;
}
