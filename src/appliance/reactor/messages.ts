/** Main and a reactor of the appliance: everything that goes between them. */
import type { NbdTicket } from "../../nbd/ticket.ts";
import type { ReactorSetup } from "../../ring/reactor.ts";
import type { LaneCommand, LaneReply } from "../../rnbd/lane_commands.ts";
import type { UblkQueueTicket } from "../../ublk/queue_ticket.ts";
import type { LoadOutcome, LoadPlan } from "../load/load.ts";

/** What a Worker is started with. */
export interface ReactorWorkerSetup extends ReactorSetup {
  /** Arena offset of the thread's counters. */
  readonly counters: number;
  /** Arena offset of the shared zeroes of the back ends. */
  readonly zeroes: number;
}

/** Main → reactor, by mailbox. */
export type ReactorCommand =
  | { readonly kind: "lane"; readonly command: LaneCommand }
  | {
    readonly kind: "serveNbd";
    readonly session: number;
    readonly device: number;
    readonly ticket: NbdTicket;
  }
  /** Serves a queue of a ublk device; `id` comes back in the events about it. */
  | {
    readonly kind: "serveUblk";
    readonly id: number;
    readonly session: number;
    readonly device: number;
    readonly ticket: UblkQueueTicket;
  }
  /** The disk of these queues is open, maybe on another lane than before. */
  | { readonly kind: "bindUblk"; readonly session: number; readonly device: number }
  | {
    readonly kind: "startLoad";
    readonly id: number;
    readonly session: number;
    readonly device: number;
    readonly plan: LoadPlan;
  }
  /** Ends a load early; its `loadDone` comes when it holds nothing any more. */
  | { readonly kind: "stopLoad"; readonly id: number }
  /** Brings the thread's gauges up to date. */
  | { readonly kind: "sample" }
  | { readonly kind: "stop" };

/** Reactor → main, by postMessage. */
export type ReactorEvent =
  | { readonly kind: "lane"; readonly reply: LaneReply }
  | { readonly kind: "nbdClosed"; readonly device: number; readonly ticket: number }
  | { readonly kind: "ublkOpened"; readonly id: number; readonly failure: string | null }
  | { readonly kind: "ublkClosed"; readonly id: number }
  | { readonly kind: "loadDone"; readonly id: number; readonly outcome: LoadOutcome }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "stopped" };
