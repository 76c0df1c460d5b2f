/**
 * A client's path as its lanes have it: the memory that they may use on it, registered from the
 * set-up of its connections to their end, and the connections that reactors carry.
 */
import type {
  ConnectionTicket,
  FabricFailure,
  MemoryAccess,
  RegisteredMemory,
} from "../../fabric/fabric.ts";
import { SystemError } from "../../ffi/errno.ts";
import { countdown } from "../countdown.ts";
import type { ChunkRegion } from "../info_codec.ts";
import type { LaneControl } from "../lane_control.ts";
import type { ClientSession } from "./session.ts";

/** See the head of this file. */
export class PathLanes {
  /** By lane, main's first; empty while nothing is registered. */
  private memory: RegisteredMemory[][] = [];
  private ticket: ConnectionTicket | undefined;
  /** Reactors that a connection has been handed to. */
  private attached: readonly LaneControl[] = [];

  /** @param path handle of the path; `slot` its number in the session */
  constructor(
    private readonly session: ClientSession,
    private readonly path: number,
    private readonly slot: number,
  ) {}

  /** Reactors that have a connection. */
  get attachedCount(): number {
    return this.attached.length;
  }

  /** What main may use. */
  get ofMain(): readonly RegisteredMemory[] {
    return this.memory[0] ?? [];
  }

  /** Registers what the lanes use, and what exposures have added; why not, if it cannot be had. */
  register(ticket: ConnectionTicket): FabricFailure | undefined {
    const { allotments, buffers } = this.session;
    this.ticket = ticket;
    this.memory = allotments.map(() => []);
    try {
      allotments.forEach((lane, i) => {
        const { buffersAt, headersAt } = lane.setup;
        this.registerRange(i, buffersAt, lane.buffersLength, "remote");
        this.registerRange(i, headersAt, lane.headersLength, "local");
      });
      for (const range of buffers.ranges) {
        this.registerRange(range.lane + 1, range.at, range.length, "remote");
      }
    } catch (error) {
      if (error instanceof SystemError) return { errno: error.errno, reason: error.message };
      throw error;
    }
    return undefined;
  }

  private registerRange(lane: number, at: number, length: number, access: MemoryAccess) {
    const memory = this.session.fabric.register(this.ticket!, at, length, access);
    this.memory[lane]!.push(memory);
    return memory;
  }

  /** Reactor `lane` may use another range from now on. @throws SystemError */
  addBuffers(lane: number, at: number, length: number): void {
    if (this.memory.length === 0) return;
    const memory = this.registerRange(lane + 1, at, length, "remote");
    this.attached[lane]?.exposeClient(this.session.handle, this.path, memory);
  }

  /** Whether reactor `lane` may use the range at `at` besides its own. */
  hasBuffers(lane: number, at: number): boolean {
    return this.memory[lane + 1]?.some((memory) => memory.at === at) === true;
  }

  /** Takes back {@link addBuffers}; `done` when no device refers to the range any more. */
  removeBuffers(lane: number, at: number, done: () => void): void {
    const ranges = this.memory[lane + 1]!;
    const [memory] = ranges.splice(ranges.findIndex((range) => range.at === at), 1);
    const { fabric, handle } = this.session;
    const concealed = () => {
      fabric.unregister(memory!);
      done();
    };
    const reactor = this.attached[lane];
    if (reactor === undefined) return concealed();
    reactor.concealClient(handle, this.path, memory!, concealed);
  }

  /**
   * Hands the reactors their connections, which carry requests from then on.
   * @param tickets of all connections, main's first
   */
  attach(
    tickets: readonly ConnectionTicket[],
    regions: readonly ChunkRegion[],
    newRkeys: boolean,
    done: () => void,
  ): void {
    const { laneControls, handle } = this.session;
    this.attached = laneControls;
    const attached = countdown(laneControls.length, done);
    laneControls.forEach((lane, i) => {
      // A copy: ranges added later are exposed by messages of their own.
      const memory = { regions, memory: [...this.memory[i + 1]!], newRkeys };
      const ticket = tickets[i + 1]!;
      lane.attachClient(handle, this.path, this.slot, i + 1, ticket, memory, attached);
    });
  }

  /** Has requests take other paths; `done` is called once for each reactor that has none left. */
  drain(done: () => void): void {
    for (const lane of this.attached) lane.drainClient(this.session.handle, this.path, done);
  }

  /** Closes the reactors' connections; `done` is called once for each that is closed. */
  detach(done: () => void): void {
    for (const lane of this.attached) lane.detachClient(this.session.handle, this.path, done);
  }

  /** No connection is left. */
  release(): void {
    for (const memory of this.memory.flat()) this.session.fabric.unregister(memory);
    this.memory = [];
    this.attached = [];
  }
}
