/**
 * The control half of the verbs carrier: connections by rdma_cm, memory by libibverbs, on main.
 * Connections come out as tickets; all native objects are made and destroyed here.
 */
import { ACCESS } from "../../ffi/verbs_layout.ts";
import type { ControlLoop } from "../../ring/control_loop.ts";
import type {
  ConnectAttempt,
  ConnectionRequest,
  ConnectionTicket,
  ConnectOutcome,
  ConnectTarget,
  Fabric,
  FabricListener,
  MemoryAccess,
  MemoryWindows,
  RegisteredMemory,
} from "../fabric.ts";
import type { VerbsAddressKind } from "./cm_address.ts";
import { CmChannel } from "./cm_channel.ts";
import { type CmContext, VerbsConnectAttempt } from "./connect_attempt.ts";
import { ConnectionMaker } from "./connection_objects.ts";
import { VerbsDevices } from "./device.ts";
import { VerbsListener } from "./listener.ts";
import { LiveConnections } from "./live_connections.ts";
import { registerRegion, Registrations } from "./memory_registration.ts";
import { readTicket } from "./ticket.ts";
import { allocateWindows, freeWindows } from "./window_allocation.ts";

/** What a device lets others do, by the access that was asked for. */
const RIGHTS: Readonly<Record<MemoryAccess, number>> = {
  local: ACCESS.LOCAL_WRITE,
  remote: ACCESS.LOCAL_WRITE | ACCESS.REMOTE_WRITE,
  windows: ACCESS.LOCAL_WRITE | ACCESS.MW_BIND,
};

/** The carrier's control half for addresses of one kind. */
export class VerbsFabric implements Fabric {
  readonly carrier = "verbs";
  private readonly context: CmContext;
  private readonly devices = new VerbsDevices();
  private readonly registrations = new Registrations(this.devices);

  /** @param kind what addresses are: `ip`, or `gid` on InfiniBand */
  constructor(private readonly loop: ControlLoop, kind: VerbsAddressKind) {
    const channel = new CmChannel(loop);
    const maker = new ConnectionMaker(loop.memory, this.devices);
    this.context = { kind, channel, maker, live: new LiveConnections(channel, loop.memory) };
  }

  listen(
    address: string,
    port: number,
    onRequest: (request: ConnectionRequest) => void,
  ): FabricListener {
    return new VerbsListener(this.context, address, port, onRequest);
  }

  connect(target: ConnectTarget, done: (outcome: ConnectOutcome) => void): ConnectAttempt {
    return new VerbsConnectAttempt(this.context, target, done);
  }

  register(
    ticket: ConnectionTicket,
    at: number,
    length: number,
    access: MemoryAccess,
  ): RegisteredMemory {
    const { arena } = this.loop;
    const device = this.devices.get(readTicket(ticket).context);
    const isRemote = access === "remote";
    const region = registerRegion(device, arena.base + at, length, RIGHTS[access]);
    const memory: RegisteredMemory = {
      at,
      length,
      access,
      lkey: region.lkey,
      rkey: isRemote ? region.rkey : 0,
      address: { high: arena.addressHigh(at), low: at >>> 0 },
    };
    this.registrations.add(memory, device, region.address);
    return memory;
  }

  makeWindows(memory: RegisteredMemory, windowBytes: number): MemoryWindows {
    const { device, region } = this.registrations.find(memory);
    const handles = allocateWindows(device, memory.length / windowBytes);
    return { memory, windowBytes, region, handles };
  }

  freeWindows(windows: MemoryWindows): void {
    freeWindows(windows.handles);
  }

  unregister(memory: RegisteredMemory): void {
    this.registrations.remove(memory);
  }

  release(ticket: ConnectionTicket): void {
    this.context.live.release(ticket);
  }

  /** Stops waiting for events; all listeners, attempts and connections must be gone. */
  close(): void {
    this.context.channel.close();
  }
}
