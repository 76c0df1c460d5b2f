/**
 * A ublk device, on main: made, served by the reactors, started; stopped, let go of, deleted.
 *
 *   ADD_DEV ─▶ SET_PARAMS ─▶ queues fetch ─▶ START_DEV ─▶ link
 *   link gone ─▶ STOP_DEV ─▶ queues end ─▶ close ─▶ DEL_DEV ─▶ buffers given back
 */
import { close } from "../ffi/libc.ts";
import type { BlockGeometry } from "../rnbd/block_queue.ts";
import { FEATURE } from "./commands.ts";
import type { UblkControl } from "./control.ts";
import type { DeviceInfo } from "./device_info.ts";
import { blockPath, makeLink, openCharDevice, removeLink } from "./device_node.ts";
import type { ServedQueue, UblkHost } from "./host.ts";
import { DELETE_TIMEOUT_MS, PERMITS_SHARE, QUEUE_DEPTH_MAX } from "./limits.ts";
import type { OwnershipTag } from "./ownership_tag.ts";
import { offeredIoBytes, parametersProblem } from "./parameters.ts";
import { removeUdevRecord, writeUdevRecord } from "./udev_record.ts";
import { devicesOfDisk, usersOf } from "./users.ts";
import { basename } from "node:path/posix";

/** What {@link UblkDevice.create} and {@link UblkDevice.recover} need. */
export interface UblkDeviceOptions {
  readonly control: UblkControl;
  readonly host: UblkHost;
  readonly tag: OwnershipTag;
  readonly geometry: BlockGeometry;
  /** Requests that a reactor can have at the server at a time, for all devices of the session. */
  readonly permits: number;
  /** Path of the link to make. */
  readonly link: string;
  /** Folder of the records for udev. */
  readonly udevRecords: string;
}

/** Flags that are asked for where the kernel has them. */
const WANTED = FEATURE.CMD_IOCTL_ENCODE | FEATURE.USER_RECOVERY | FEATURE.USER_RECOVERY_REISSUE;

/** Requests a queue holds, when a reactor has `permits`. */
export function queueDepth(permits: number): number {
  return Math.max(1, Math.min(QUEUE_DEPTH_MAX, Math.floor(permits * PERMITS_SHARE)));
}

/** See the head of this file. */
export class UblkDevice {
  private fd = -1;
  private readonly buffers: number[] = [];
  private readonly queues: ServedQueue[] = [];
  private sizeBytes: number;

  private constructor(
    private readonly options: UblkDeviceOptions,
    private readonly info: DeviceInfo,
  ) {
    this.sizeBytes = options.geometry.sizeBytes;
  }

  /**
   * Makes a device and starts it. Requests may come before this returns: the kernel reads the
   * partition table.
   * @throws Error with the next step when something is missing; nothing is left then
   */
  static async create(options: UblkDeviceOptions): Promise<UblkDevice> {
    const { control, host, geometry } = options;
    const problem = parametersProblem(geometry);
    if (problem !== undefined) throw new Error(`Cannot make a ublk device: ${problem}`);
    const info = await control.addDevice({
      queues: host.lanes,
      depth: queueDepth(options.permits),
      maxIoBytes: offeredIoBytes(geometry),
      features: await control.features() & WANTED,
      tag: options.tag,
    });
    const device = new UblkDevice(options, info);
    await device.orUndo(async () => {
      await control.setParameters(info.id, geometry);
      await device.serve();
      device.tellUdev();
      await control.startDevice(info.id);
      makeLink(options.link, info.id);
    }, () => device.close());
    return device;
  }

  /**
   * Takes over a device whose server died, with the size and limits that it has.
   * @throws Error; the device is as it was then
   */
  static async recover(options: UblkDeviceOptions, info: DeviceInfo): Promise<UblkDevice> {
    const device = new UblkDevice(options, info);
    device.sizeBytes = (await options.control.parameters(info.id)).sizeBytes;
    await device.orUndo(async () => {
      await device.serve();
      device.tellUdev();
      await options.control.endRecovery(info.id);
      makeLink(options.link, info.id);
    }, () => device.abandon());
    return device;
  }

  /** Number of the device: N of /dev/ublkbN. */
  get id(): number {
    return this.info.id;
  }

  /** The kernel keeps it, and its requests, when its server dies. */
  get isRecoverable(): boolean {
    return (this.info.features & FEATURE.USER_RECOVERY) !== 0;
  }

  /** Name of the block device in /dev. */
  get disk(): string {
    return `ublkb${this.info.id}`;
  }

  /** Path of the link, which users open. */
  get path(): string {
    return this.options.link;
  }

  private async orUndo(work: () => Promise<void>, undo: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await undo();
      throw error;
    }
  }

  /** Before the block device appears. */
  private tellUdev(): void {
    const { link, udevRecords } = this.options;
    writeUdevRecord(udevRecords, this.id, basename(link));
  }

  /** Has all queues fetch their requests. */
  private async serve(): Promise<void> {
    const { host } = this.options;
    const { id, depth, maxIoBytes } = this.info;
    const fd = this.fd = await openCharDevice(id);
    // All memory first: a queue that has fetched its requests cannot give them back.
    for (let queue = 0; queue < this.info.queues; queue++) {
      this.buffers.push(host.allocateBuffers(queue % host.lanes, depth * maxIoBytes));
    }
    this.buffers.forEach((buffersAt, queue) => {
      const ticket = { device: id, queue, fd, depth, buffersAt, bufferBytes: maxIoBytes };
      this.queues.push(host.serve(queue % host.lanes, ticket));
    });
    for (const failure of await Promise.all(this.queues.map(({ opened }) => opened))) {
      if (failure !== undefined) throw new Error(`Cannot serve ${blockPath(id)}: ${failure}`);
    }
  }

  /**
   * Tells users of a new size.
   * @returns why that is not possible, undefined when it was done
   * @throws SystemError when the kernel refuses
   */
  async resize(sizeBytes: number): Promise<string | undefined> {
    if (sizeBytes === this.sizeBytes) return undefined;
    const { control } = this.options;
    if ((await control.features() & FEATURE.UPDATE_SIZE) === 0) {
      return "this kernel cannot resize a ublk device while it is in use (Linux 6.16 can); close " +
        `${this.path} and resize again to have its ${sizeBytes} bytes`;
    }
    await control.updateSize(this.id, sizeBytes);
    this.sizeBytes = sizeBytes;
    return undefined;
  }

  /**
   * Stops and deletes it. Whoever has it open gets EIO from now on.
   * @returns who keeps the kernel from deleting it, empty when it is gone
   */
  async close(): Promise<string[]> {
    const { control, link, udevRecords } = this.options;
    removeLink(link, this.id);
    // Afterwards sysfs does not know it any more.
    const devices = devicesOfDisk(this.disk);
    await control.stopDevice(this.id);
    // Not later: the kernel gives the number out again.
    removeUdevRecord(udevRecords, this.id);
    await this.release();
    if (await control.deleteDevice(this.id, DELETE_TIMEOUT_MS)) return [];
    const users = usersOf(devices);
    return users.length > 0 ? users : ["somebody who cannot be seen from here"];
  }

  /** Lets go of a device that could not be recovered; it can be tried again. */
  private async abandon(): Promise<void> {
    // Fetched requests come back by STOP_DEV only, which ends the device for its users.
    if (this.queues.length > 0) await this.options.control.stopDevice(this.id);
    await this.release();
  }

  /** Waits for the queues' end and gives everything back. */
  private async release(): Promise<void> {
    await Promise.all(this.queues.map(({ closed }) => closed));
    if (this.fd >= 0) close(this.fd);
    this.fd = -1;
    await Promise.all(this.buffers.map((at) => this.options.host.releaseBuffers(at)));
    this.buffers.length = 0;
  }
}
