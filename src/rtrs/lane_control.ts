/**
 * What main asks of the lanes on one reactor. Calls arrive there in order; `done` is called on
 * main when the reactor has answered. The program implements it with a mailbox, the simulation
 * with delayed calls.
 */
import type { ConnectionTicket, FabricFailure, RegisteredMemory } from "../fabric/fabric.ts";
import type { ClientPathMemory } from "./client/connection.ts";
import type { ClientLaneSetup } from "./client/lane.ts";
import type { MpathPolicy } from "./client/policy.ts";
import type { ServerPathMemory } from "./server/connection.ts";
import type { ServerLaneSetup } from "./server/lane.ts";

/** Lanes are named by the handles of their session and path in this process. */
export interface LaneControl {
  createClient(setup: ClientLaneSetup): void;
  /**
   * Adopts connection `cid` of a path and lets it carry requests.
   * @param slot number of the path in its session, for the counters
   */
  attachClient(
    session: number,
    path: number,
    slot: number,
    cid: number,
    ticket: ConnectionTicket,
    memory: ClientPathMemory,
    done: () => void,
  ): void;
  /** Lets requests on a path use `memory` as well; order against attach and detach is kept. */
  exposeClient(session: number, path: number, memory: RegisteredMemory): void;
  /** Undoes that; `done` when the path's connection knows the memory no more. */
  concealClient(session: number, path: number, memory: RegisteredMemory, done: () => void): void;
  /** Has requests take other paths from now on; `done` when none is left on this one. */
  drainClient(session: number, path: number, done: () => void): void;
  /** Closes a path's connection; `done` when its requests have ended and memory is free. */
  detachClient(session: number, path: number, done: () => void): void;
  /** What was sent on a path that is detached can have no effect any more: it is sent again. */
  endClientPath(session: number, path: number): void;
  /**
   * The session has a path, and what loses its path waits for another; or it has none any more:
   * what waits fails, and its devices are closed.
   */
  setClientUp(session: number, isUp: boolean): void;
  setClientPolicy(session: number, policy: MpathPolicy): void;
  /** Ends the lane: its users are disconnected, its permits come home. */
  destroyClient(session: number, done: () => void): void;

  createServer(setup: ServerLaneSetup): void;
  /** Adopts connection `cid` of a path; the client may write to `memory` through it. */
  attachServer(
    session: number,
    path: number,
    cid: number,
    ticket: ConnectionTicket,
    memory: ServerPathMemory,
    countersAt: number,
    done: () => void,
  ): void;
  /** A chunk that a request waits for has become free on another thread. */
  resumeServer(session: number, chunk: number): void;
  /** Closes a path's connections; `done` when the back end is through with their requests. */
  detachServer(session: number, path: number, done: () => void): void;
  destroyServer(session: number, done: () => void): void;
}

/** What lanes tell main on their own. */
export interface LaneEvents {
  onClientBroken(session: number, path: number, failure: FabricFailure): void;
  onServerBroken(session: number, path: number, failure: FabricFailure): void;
  /** A chunk is free that a request waits for on thread `waiter`: 0 is main, reactor i is i + 1. */
  onServerChunkFree(session: number, waiter: number, chunk: number): void;
}
