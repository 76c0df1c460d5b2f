/** What main and the harness's reactors say to each other. */
import type { ReactorSetup } from "../../../src/ring/reactor.ts";
import type { NbdTicket } from "../../../src/nbd/ticket.ts";
import type { FakeDiskMemory, FakeDiskOptions, PlannedFailure } from "./fake_disk.ts";

/** First message to the Worker. */
export interface WorkerSetup {
  readonly reactor: ReactorSetup;
  readonly disk: FakeDiskOptions;
  readonly memory: FakeDiskMemory;
  /** Arena offset of the counters. */
  readonly counters: number;
}

/** Main to reactor, through the mailbox. */
export type ToReactor =
  | { readonly kind: "serve"; readonly ticket: NbdTicket }
  | { readonly kind: "disk"; readonly isOpen: boolean }
  | { readonly kind: "failures"; readonly failures: readonly PlannedFailure[] }
  | { readonly kind: "close" | "drain" | "stop" }
  | { readonly kind: "figures"; readonly id: number };

/** Reactor to main, through postMessage. */
export type FromReactor =
  | { readonly kind: "ready" }
  | { readonly kind: "stopped" }
  | { readonly kind: "closed"; readonly ticketId: number }
  | {
    readonly kind: "figures";
    readonly id: number;
    readonly enters: number;
    readonly permitsOut: number;
    readonly connections: number;
    readonly heapBytes: number;
  };
