/**
 * /dev/ublk-control, on main: the commands by which devices come and go. Each may take as long as
 * it likes without holding up main: the kernel runs them on threads of its own.
 */
import { ERRNO, SystemError } from "../ffi/errno.ts";
import { O } from "../ffi/file_flags.ts";
import { close, open } from "../ffi/libc.ts";
import type { ControlLoop, PendingOperation } from "../ring/control_loop.ts";
import { OP, SQE } from "../ring/opcodes.ts";
import {
  CONTROL,
  CONTROL_COMMAND,
  DEVICE_INFO,
  FEATURE,
  FEATURES_BYTES,
  NO_QUEUE,
  PARAMETERS,
} from "./commands.ts";
import {
  decodeDeviceInfo,
  type DeviceInfo,
  type DeviceRequest,
  encodeDeviceInfo,
} from "./device_info.ts";
import { SECTOR_BYTES } from "./limits.ts";
import { decodeParameters, type DeviceParameters, encodeParameters } from "./parameters.ts";
import type { BlockGeometry } from "../rnbd/block_queue.ts";

const CONTROL_PATH = "/dev/ublk-control";

/** What a command carries besides its operation and device. */
interface CommandArgument {
  /** Arena offset and length of its buffer. */
  readonly at?: number;
  readonly length?: number;
  readonly data?: number;
}

function explainOpen(error: unknown): Error {
  if (!(error instanceof SystemError)) throw error;
  const next = error.errno === ERRNO.ENOENT || error.errno === ERRNO.ENXIO
    ? "load the driver (modprobe ublk_drv); it needs Linux 6.0 or newer, built with " +
      "CONFIG_BLK_DEV_UBLK"
    : error.errno === ERRNO.EACCES || error.errno === ERRNO.EPERM
    ? "ublk devices are for root (CAP_SYS_ADMIN)"
    : "see dmesg";
  return new Error(`${error.message}; ${next}, or expose = "nbd"`, { cause: error });
}

/** See the head of this file. One a process. */
export class UblkControl {
  private fd = -1;
  private offered: number | undefined;

  constructor(private readonly loop: ControlLoop) {}

  /** Opens the control device, once. @throws Error that says what is missing */
  private open(): void {
    if (this.fd >= 0) return;
    try {
      this.fd = open(CONTROL_PATH, O.RDWR);
    } catch (error) {
      throw explainOpen(error);
    }
  }

  /** True when devices can be made here. */
  get isAvailable(): boolean {
    try {
      this.open();
      return true;
    } catch {
      return false;
    }
  }

  /**
   * FEATURE bits of this kernel, asked once.
   * @throws Error when there is no driver, or one too old
   */
  async features(): Promise<number> {
    return this.offered ??= await this.askFeatures();
  }

  private async askFeatures(): Promise<number> {
    const features = await this.withBuffer(FEATURES_BYTES, async (at) => {
      const result = await this.run(CONTROL.GET_FEATURES, 0xffff_ffff, {
        at,
        length: FEATURES_BYTES,
      });
      // Drivers from before the command do not know it, and nothing that came with it.
      return result < 0 ? 0 : this.loop.arena.view.getUint32(at, true);
    });
    if ((features & FEATURE.CMD_IOCTL_ENCODE) === 0) {
      throw new Error(
        `The ublk driver of this kernel is too old (features 0x${features.toString(16)}); ` +
          `Linux 6.5 or newer is needed, or expose = "nbd"`,
      );
    }
    return features;
  }

  private async withBuffer<T>(bytes: number, use: (at: number) => Promise<T>): Promise<T> {
    const { memory } = this.loop;
    const at = memory.allocate(bytes, "a ublk command");
    try {
      return await use(at);
    } finally {
      memory.release(at);
    }
  }

  private start(operation: number, id: number, argument: CommandArgument): PendingOperation {
    this.open();
    const { at = 0, length = 0, data = 0 } = argument;
    return this.loop.start(OP.URING_CMD, this.fd, 0, 0, (sqe, word) => {
      const command = word + SQE.COMMAND;
      sqe[word + SQE.COMMAND_OPERATION] = operation;
      sqe.fill(0, command, word + 2 * SQE.WORDS);
      sqe[command + CONTROL_COMMAND.DEV_ID] = id;
      sqe[command + CONTROL_COMMAND.QUEUE_ID_AND_LEN] = NO_QUEUE | length << 16;
      if (at !== 0) {
        sqe[command + CONTROL_COMMAND.ADDRESS_LOW] = at;
        sqe[command + CONTROL_COMMAND.ADDRESS_HIGH] = this.loop.arena.addressHigh(at);
      }
      sqe[command + CONTROL_COMMAND.DATA_LOW] = data;
      sqe[command + CONTROL_COMMAND.DATA_HIGH] = Math.floor(data / 2 ** 32);
    });
  }

  private run(operation: number, id: number, argument: CommandArgument = {}): Promise<number> {
    return this.start(operation, id, argument).result;
  }

  private async demand(
    name: keyof typeof CONTROL,
    id: number,
    subject: string,
    argument: CommandArgument = {},
  ): Promise<void> {
    const result = await this.run(CONTROL[name], id, argument);
    if (result < 0) throw new SystemError(-result, name, subject);
  }

  /** Makes a device; it may have fewer queues than asked for. @throws SystemError */
  addDevice(request: DeviceRequest): Promise<DeviceInfo> {
    return this.withBuffer(DEVICE_INFO.BYTES, async (at) => {
      const { view } = this.loop.arena;
      encodeDeviceInfo(view, at, request);
      const anyId = 0xffff_ffff;
      const argument = { at, length: DEVICE_INFO.BYTES };
      await this.demand("ADD_DEV", anyId, "a new ublk device", argument);
      return decodeDeviceInfo(view, at);
    });
  }

  /** What the kernel says of a device; undefined when there is none. */
  deviceInfo(id: number): Promise<DeviceInfo | undefined> {
    return this.withBuffer(DEVICE_INFO.BYTES, async (at) => {
      const argument = { at, length: DEVICE_INFO.BYTES };
      const result = await this.run(CONTROL.GET_DEV_INFO, id, argument);
      return result < 0 ? undefined : decodeDeviceInfo(this.loop.arena.view, at);
    });
  }

  /** Sets size and limits of a device that was not started yet. @throws SystemError */
  setParameters(id: number, geometry: BlockGeometry): Promise<void> {
    return this.withBuffer(PARAMETERS.BYTES, (at) => {
      encodeParameters(this.loop.arena.view, at, geometry);
      return this.demand("SET_PARAMS", id, subjectOf(id), { at, length: PARAMETERS.BYTES });
    });
  }

  /** Size, limits and numbers of a device. @throws SystemError */
  parameters(id: number): Promise<DeviceParameters> {
    return this.withBuffer(PARAMETERS.BYTES, async (at) => {
      this.loop.arena.view.setUint32(at + PARAMETERS.LEN, PARAMETERS.BYTES, true);
      const argument = { at, length: PARAMETERS.BYTES };
      await this.demand("GET_PARAMS", id, subjectOf(id), argument);
      return decodeParameters(this.loop.arena.view, at);
    });
  }

  /** Makes /dev/ublkbN appear; every queue is being served. @throws SystemError */
  startDevice(id: number): Promise<void> {
    return this.demand("START_DEV", id, subjectOf(id), { data: Deno.pid });
  }

  /** Ends all I/O and takes /dev/ublkbN away. @throws SystemError */
  stopDevice(id: number): Promise<void> {
    return this.demand("STOP_DEV", id, subjectOf(id));
  }

  /**
   * Deletes a stopped device. It waits for everybody who has it open; when that takes longer than
   * `timeoutMs`, the kernel deletes it by itself once they are gone.
   * @returns false in that case
   * @throws SystemError
   */
  async deleteDevice(id: number, timeoutMs: number): Promise<boolean> {
    const deletion = this.start(CONTROL.DEL_DEV, id, {});
    const timer = setTimeout(() => deletion.cancel(), timeoutMs);
    const result = await deletion.result;
    clearTimeout(timer);
    if (result === -ERRNO.EINTR || result === -ERRNO.ECANCELED) return false;
    if (result < 0) throw new SystemError(-result, "DEL_DEV", subjectOf(id));
    return true;
  }

  /** Changes the size of a running device. @throws SystemError */
  updateSize(id: number, sizeBytes: number): Promise<void> {
    const data = sizeBytes / SECTOR_BYTES;
    return this.demand("UPDATE_SIZE", id, subjectOf(id), { data });
  }

  /** Takes a device over whose server died; 0 or an errno: EBUSY while that is still dying. */
  async startRecovery(id: number): Promise<number> {
    return -await this.run(CONTROL.START_USER_RECOVERY, id);
  }

  /** Every queue is served again: requests go on. @throws SystemError */
  endRecovery(id: number): Promise<void> {
    return this.demand("END_USER_RECOVERY", id, subjectOf(id), { data: Deno.pid });
  }

  /** Closes the control device; devices stay as they are. */
  close(): void {
    if (this.fd >= 0) close(this.fd);
    this.fd = -1;
  }
}

const subjectOf = (id: number) => `ublk device ${id}`;
