/**
 * Main and the reactors' lanes, as plain messages: commands one way, answers and events the
 * other. {@link LaneClient} is main's end; `lane_host.ts` is the reactor's.
 */
import type { ConnectionTicket, FabricFailure, RegisteredMemory } from "../fabric/fabric.ts";
import type { ClientPathMemory } from "../rtrs/client/connection.ts";
import type { ClientLaneSetup } from "../rtrs/client/lane.ts";
import type { MpathPolicy } from "../rtrs/client/policy.ts";
import type { LaneControl, LaneEvents } from "../rtrs/lane_control.ts";
import type { ServerPathMemory } from "../rtrs/server/connection.ts";
import type { ServerLaneSetup } from "../rtrs/server/lane.ts";
import type { BackendTicket } from "./backend.ts";
import type { BlockGeometry } from "./block_queue.ts";
import { UNMEASURED_ROW } from "./io_statistics.ts";
import type { WaitingRequest } from "./request_table.ts";

/** What main asks; `id` comes back in the answer, 0 = no answer wanted. */
export type LaneCommand =
  & { readonly id: number }
  & (
    | { readonly kind: "createClient"; readonly setup: ClientLaneSetup }
    | {
      readonly kind: "attachClient";
      readonly session: number;
      readonly path: number;
      readonly slot: number;
      readonly cid: number;
      readonly ticket: ConnectionTicket;
      readonly memory: ClientPathMemory;
      /** First row of the block that counts what the path carries. */
      readonly statisticsRow: number;
    }
    | {
      readonly kind: "exposeClient";
      readonly session: number;
      readonly path: number;
      readonly memory: RegisteredMemory;
    }
    | {
      readonly kind: "concealClient";
      readonly session: number;
      readonly path: number;
      readonly memory: RegisteredMemory;
    }
    | { readonly kind: "drainClient"; readonly session: number; readonly path: number }
    | { readonly kind: "detachClient"; readonly session: number; readonly path: number }
    | { readonly kind: "endClientPath"; readonly session: number; readonly path: number }
    | { readonly kind: "setClientUp"; readonly session: number; readonly isUp: boolean }
    | { readonly kind: "setClientPolicy"; readonly session: number; readonly policy: MpathPolicy }
    | { readonly kind: "destroyClient"; readonly session: number }
    | { readonly kind: "createServer"; readonly setup: ServerLaneSetup }
    | {
      readonly kind: "attachServer";
      readonly session: number;
      readonly path: number;
      readonly cid: number;
      readonly ticket: ConnectionTicket;
      readonly memory: ServerPathMemory;
      readonly countersAt: number;
    }
    | { readonly kind: "resumeServer"; readonly session: number; readonly chunk: number }
    | { readonly kind: "detachServer"; readonly session: number; readonly path: number }
    | { readonly kind: "destroyServer"; readonly session: number }
    | {
      readonly kind: "openDevice";
      readonly session: number;
      readonly deviceId: number;
      readonly ticket: BackendTicket;
      readonly readOnly: boolean;
    }
    | { readonly kind: "refreshDevice"; readonly session: number; readonly deviceId: number }
    | { readonly kind: "closeDevice"; readonly session: number; readonly deviceId: number }
    | {
      readonly kind: "setDevice";
      readonly session: number;
      readonly device: number;
      readonly deviceId: number;
      readonly geometry: BlockGeometry;
    }
    | { readonly kind: "unsetDevice"; readonly session: number; readonly device: number }
    | { readonly kind: "removeDevice"; readonly session: number; readonly device: number }
    | {
      readonly kind: "measureDevice";
      readonly device: number;
      readonly statisticsRow: number;
    }
    | { readonly kind: "inflight"; readonly limit: number }
  );

/** A request in flight, by the handles of this process. */
export interface LaneRequest extends WaitingRequest {
  readonly side: "client" | "server";
  readonly session: number;
  /** 0 = no path carries it. */
  readonly path: number;
}

/** What a reactor says. */
export type LaneReply =
  | { readonly kind: "done"; readonly id: number }
  | { readonly kind: "inflight"; readonly id: number; readonly requests: readonly LaneRequest[] }
  | {
    readonly kind: "chunkFree";
    readonly session: number;
    readonly waiter: number;
    readonly chunk: number;
  }
  | {
    readonly kind: "clientBroken" | "serverBroken";
    readonly session: number;
    readonly path: number;
    readonly failure: FabricFailure;
  };

/** What the RNBD layer asks of a reactor besides {@link LaneControl}. */
export interface DeviceControl {
  /** Server: makes a back end usable under `deviceId` of a session. */
  openDevice(
    session: number,
    deviceId: number,
    ticket: BackendTicket,
    readOnly: boolean,
    done: () => void,
  ): void;
  /** Server: the disk below a device may have another size now. */
  refreshDevice(session: number, deviceId: number, done: () => void): void;
  /** Server: `done` when no operation of the device is left. */
  closeDevice(session: number, deviceId: number, done: () => void): void;
  /** Client: the device is open under `deviceId`; its queue takes requests. */
  setDevice(
    session: number,
    device: number,
    deviceId: number,
    geometry: BlockGeometry,
    done: () => void,
  ): void;
  /** Client: the device is closed; its queue fails requests. */
  unsetDevice(session: number, device: number): void;
  /** Client: disconnects the device's users; `done` when no request of theirs is left. */
  removeDevice(session: number, device: number, done: () => void): void;
}

// Omit over a union keeps only what all members share, so it is spread over the members.
type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

/** Where a reactor counts what the paths of clients carry. */
export interface PathAccounts {
  /** First row of the block of a path whose connection is attached. */
  open(session: number, path: number, ticket: ConnectionTicket): number;
  /** It is detached: no request of it is left. */
  release(path: number): void;
}

/** Main's end of one reactor. */
export class LaneClient implements LaneControl, DeviceControl {
  private nextId = 1;
  private readonly waiting = new Map<number, () => void>();
  private readonly asked = new Map<number, (requests: readonly LaneRequest[]) => void>();

  /** @param send delivers a command to the reactor, in order */
  constructor(
    private readonly send: (command: LaneCommand) => void,
    private readonly events: LaneEvents,
    private readonly paths?: PathAccounts,
  ) {}

  /** A message from the reactor. */
  receive(reply: LaneReply): void {
    if (reply.kind === "done") {
      const done = this.waiting.get(reply.id);
      this.waiting.delete(reply.id);
      done?.();
    } else if (reply.kind === "inflight") {
      const answered = this.asked.get(reply.id);
      this.asked.delete(reply.id);
      answered?.(reply.requests);
    } else if (reply.kind === "chunkFree") {
      this.events.onServerChunkFree(reply.session, reply.waiter, reply.chunk);
    } else if (reply.kind === "clientBroken") {
      this.events.onClientBroken(reply.session, reply.path, reply.failure);
    } else {
      this.events.onServerBroken(reply.session, reply.path, reply.failure);
    }
  }

  private request(command: WithoutId<LaneCommand>, done: () => void): void {
    const id = this.nextId++;
    this.waiting.set(id, done);
    this.send({ ...command, id });
  }

  createClient(setup: ClientLaneSetup): void {
    this.send({ id: 0, kind: "createClient", setup });
  }

  attachClient(
    session: number,
    path: number,
    slot: number,
    cid: number,
    ticket: ConnectionTicket,
    memory: ClientPathMemory,
    done: () => void,
  ): void {
    const statisticsRow = this.paths?.open(session, path, ticket) ?? UNMEASURED_ROW;
    this.request(
      { kind: "attachClient", session, path, slot, cid, ticket, memory, statisticsRow },
      done,
    );
  }

  exposeClient(session: number, path: number, memory: RegisteredMemory): void {
    this.send({ id: 0, kind: "exposeClient", session, path, memory });
  }

  concealClient(session: number, path: number, memory: RegisteredMemory, done: () => void): void {
    this.request({ kind: "concealClient", session, path, memory }, done);
  }

  drainClient(session: number, path: number, done: () => void): void {
    this.request({ kind: "drainClient", session, path }, done);
  }

  detachClient(session: number, path: number, done: () => void): void {
    this.request({ kind: "detachClient", session, path }, () => {
      this.paths?.release(path);
      done();
    });
  }

  endClientPath(session: number, path: number): void {
    this.send({ id: 0, kind: "endClientPath", session, path });
  }

  setClientUp(session: number, isUp: boolean): void {
    this.send({ id: 0, kind: "setClientUp", session, isUp });
  }

  setClientPolicy(session: number, policy: MpathPolicy): void {
    this.send({ id: 0, kind: "setClientPolicy", session, policy });
  }

  destroyClient(session: number, done: () => void): void {
    this.request({ kind: "destroyClient", session }, done);
  }

  createServer(setup: ServerLaneSetup): void {
    this.send({ id: 0, kind: "createServer", setup });
  }

  attachServer(
    session: number,
    path: number,
    cid: number,
    ticket: ConnectionTicket,
    memory: ServerPathMemory,
    countersAt: number,
    done: () => void,
  ): void {
    this.request(
      { kind: "attachServer", session, path, cid, ticket, memory, countersAt },
      done,
    );
  }

  resumeServer(session: number, chunk: number): void {
    this.send({ id: 0, kind: "resumeServer", session, chunk });
  }

  detachServer(session: number, path: number, done: () => void): void {
    this.request({ kind: "detachServer", session, path }, done);
  }

  destroyServer(session: number, done: () => void): void {
    this.request({ kind: "destroyServer", session }, done);
  }

  openDevice(
    session: number,
    deviceId: number,
    ticket: BackendTicket,
    readOnly: boolean,
    done: () => void,
  ): void {
    this.request({ kind: "openDevice", session, deviceId, ticket, readOnly }, done);
  }

  refreshDevice(session: number, deviceId: number, done: () => void): void {
    this.request({ kind: "refreshDevice", session, deviceId }, done);
  }

  closeDevice(session: number, deviceId: number, done: () => void): void {
    this.request({ kind: "closeDevice", session, deviceId }, done);
  }

  setDevice(
    session: number,
    device: number,
    deviceId: number,
    geometry: BlockGeometry,
    done: () => void,
  ): void {
    this.request({ kind: "setDevice", session, device, deviceId, geometry }, done);
  }

  unsetDevice(session: number, device: number): void {
    this.send({ id: 0, kind: "unsetDevice", session, device });
  }

  removeDevice(session: number, device: number, done: () => void): void {
    this.request({ kind: "removeDevice", session, device }, done);
  }

  /**
   * Has the requests of a mapped device counted; sent before its first {@link setDevice}, valid
   * until {@link removeDevice}.
   * @param statisticsRow first row of a block as `io_statistics.ts` lays it out
   */
  measureDevice(device: number, statisticsRow: number): void {
    this.send({ id: 0, kind: "measureDevice", device, statisticsRow });
  }

  /** Asks for the requests in flight on the reactor, the oldest first. */
  inflight(limit: number, answered: (requests: readonly LaneRequest[]) => void): void {
    const id = this.nextId++;
    this.asked.set(id, answered);
    this.send({ id, kind: "inflight", limit });
  }
}
