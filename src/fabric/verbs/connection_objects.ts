/**
 * What main makes for one connection besides its id: block of memory, completion channel and
 * queue, queue pair with all receives posted. Undone in reverse order.
 */
import { ERRNO, SystemError } from "../../ffi/errno.ts";
import { type DataVerbs, openDataVerbs } from "../../ffi/data_verbs.ts";
import {
  createCompletionChannel,
  createCompletionQueue,
  deregisterMemory,
  destroyCompletionChannel,
  destroyCompletionQueue,
  type DeviceLimits,
} from "../../ffi/libibverbs.ts";
import {
  contextOf,
  createQueuePair,
  destinationAddress,
  destroyQueuePair,
  devicePortOf,
  sourceAddress,
} from "../../ffi/librdmacm.ts";
import { pointerAt } from "../../ffi/pointer.ts";
import { ACCESS } from "../../ffi/verbs_layout.ts";
import type { ArenaAllocator } from "../../ring/arena.ts";
import type { ConnectionTicket, QueueLimits } from "../fabric.ts";
import { formatCmAddress } from "./cm_address.ts";
import { BLOCK_HEAD, connectionLayout } from "./connection_memory.ts";
import type { VerbsDevice, VerbsDevices } from "./device.ts";
import { MARKER_SLOTS, SEND_RANGES_MAX } from "./limits.ts";
import { isDeviceGone, registerRegion } from "./memory_registration.ts";
import { buildReceives } from "./receive_ring.ts";
import { makeTicket } from "./ticket.ts";

/** Work requests that the queues of a connection take, besides the marker. */
export interface QueueDepths {
  readonly sendDepth: number;
  readonly receiveDepth: number;
  /** Changes of windows, which go through the send queue as well. */
  readonly windowDepth: number;
}

/**
 * Depths of the two queues within what the device has. Messages can wait for room; changes of
 * windows cannot.
 * @throws SystemError when there is no room for those
 */
export function queueDepths(
  limits: QueueLimits,
  device: Pick<DeviceLimits, "workRequestsMax" | "completionsMax">,
): QueueDepths {
  const { workRequestsMax, completionsMax } = device;
  const receiveDepth = Math.max(
    1,
    Math.min(limits.receivesMax, workRequestsMax, Math.floor(completionsMax / 2)),
  );
  const windowDepth = limits.windowChangesMax ?? 0;
  const room = Math.min(workRequestsMax, completionsMax - receiveDepth) - MARKER_SLOTS -
    windowDepth;
  if (windowDepth > 0 && room < 1) {
    const subject = `a send queue with room for ${windowDepth} changes of memory windows ` +
      "(lower queue_depth, or set always_invalidate = false)";
    throw new SystemError(ERRNO.ENOMEM, "ibv_create_qp", subject);
  }
  return { sendDepth: Math.max(1, Math.min(limits.sendsMax, room)), receiveDepth, windowDepth };
}

/** What all connections of a process share. */
export class ConnectionMaker {
  private verbs: DataVerbs | undefined;

  constructor(readonly memory: ArenaAllocator, readonly devices: VerbsDevices) {}

  /**
   * Makes everything for the connection `id`, whose device is known by now.
   * @throws SystemError, RangeError (arena full), MissingLibraryError, NativeImageError
   */
  make(id: number, limits: QueueLimits): ConnectionObjects {
    this.verbs ??= openDataVerbs();
    const device = this.devices.addConnection(contextOf(id));
    const objects = new ConnectionObjects(this, device, id);
    try {
      objects.build(this.verbs, limits);
    } catch (cause) {
      objects.undoAll();
      this.devices.forget(device);
      throw cause;
    }
    return objects;
  }
}

/** The objects of one connection. */
export class ConnectionObjects {
  /** Arena offset of the block. */
  block = 0;
  /** Native address of the queue pair. */
  queuePair = 0;
  private readonly undo: (() => void)[] = [];
  private details: Parameters<typeof makeTicket>[1] | undefined;

  constructor(
    private readonly maker: ConnectionMaker,
    private readonly device: VerbsDevice,
    readonly id: number,
  ) {}

  /** Makes everything; what was made when it throws is undone with {@link undoAll}. */
  build(verbs: DataVerbs, limits: QueueLimits): void {
    const { device, id, undo } = this;
    const { memory } = this.maker;
    const { arena } = memory;
    const { sendDepth, receiveDepth, windowDepth } = queueDepths(limits, device.limits);
    const layout = connectionLayout(sendDepth, receiveDepth);
    const block = memory.allocate(layout.bytes, "a connection");
    undo.push(() => memory.release(block));
    const buffers = block + layout.buffers;
    const region = registerRegion(
      device,
      arena.base + buffers,
      layout.buffersBytes,
      ACCESS.LOCAL_WRITE,
    );
    undo.push(() => deregisterMemory(region.address));
    const channel = createCompletionChannel(device.context);
    undo.push(() => destroyCompletionChannel(channel.address));
    const sendsMax = sendDepth + windowDepth + MARKER_SLOTS;
    const entries = sendsMax + receiveDepth;
    const queue = createCompletionQueue(device.context, entries, channel.address);
    undo.push(() => destroyCompletionQueue(queue.address));
    const queuePair = createQueuePair(id, {
      pd: device.pd,
      sendQueue: queue.address,
      receiveQueue: queue.address,
      sendsMax,
      receivesMax: receiveDepth,
      sendRangesMax: SEND_RANGES_MAX,
      receiveRangesMax: 1,
      inlineBytesMax: 0,
    }, device.name);
    undo.push(() => destroyQueuePair(id));
    const receives = block + layout.receives;
    buildReceives(arena, receives, receiveDepth, buffers, region.lkey);
    const result = verbs.postRecv(
      pointerAt(queuePair.address),
      pointerAt(arena.base + receives),
      pointerAt(arena.base + block + BLOCK_HEAD.BAD_REQUEST),
    );
    if (result !== 0) throw new SystemError(result, "ibv_post_recv", device.name);
    this.block = block;
    this.queuePair = queuePair.address;
    this.details = {
      id,
      queuePair: queuePair.address,
      queuePairNumber: queuePair.number,
      completionQueue: queue.address,
      channel: channel.address,
      channelFd: channel.fd,
      context: device.context,
      memory: block,
      sendDepth,
      receiveDepth,
      windowDepth,
    };
  }

  /** The ticket of the connection, once it is established. */
  ticket(): ConnectionTicket {
    const ends = {
      localAddress: formatCmAddress(sourceAddress(this.id)),
      remoteAddress: formatCmAddress(destinationAddress(this.id)),
      hcaName: this.device.name,
      hcaPort: devicePortOf(this.id),
    };
    return makeTicket(ends, this.details!);
  }

  /** Undoes {@link build}. What a removed device took with it is no error. */
  undoAll(): void {
    for (let step = this.undo.pop(); step !== undefined; step = this.undo.pop()) {
      try {
        step();
      } catch (cause) {
        if (!isDeviceGone(cause)) throw cause;
      }
    }
  }

  /** Destroys everything, the id too. */
  destroy(): void {
    this.undoAll();
    this.maker.devices.removeConnection(this.device, this.id);
  }
}
