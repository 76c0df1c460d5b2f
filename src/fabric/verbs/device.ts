/**
 * RDMA devices in use: one protection domain each, which lives as long as connections or
 * registrations do. An id keeps its device's context open, so the last one outlives them all.
 */
import {
  allocatePd,
  deallocatePd,
  type DeviceLimits,
  deviceName,
  queryDevice,
} from "../../ffi/libibverbs.ts";
import { destroyId } from "../../ffi/librdmacm.ts";

/** One device. */
export class VerbsDevice {
  readonly name: string;
  readonly limits: DeviceLimits;
  readonly pd: number;
  connections = 0;
  regions = 0;
  /** An id that is kept though its connection is gone; 0: none. */
  keptId = 0;

  /** @param context native address of the ibv_context */
  constructor(readonly context: number) {
    this.name = deviceName(context);
    this.limits = queryDevice(context);
    this.pd = allocatePd(context);
  }
}

/** All devices in use. */
export class VerbsDevices {
  private readonly byContext = new Map<number, VerbsDevice>();

  /** The device with this context. @throws TypeError when no connection uses it */
  get(context: number): VerbsDevice {
    const device = this.byContext.get(context);
    if (device === undefined) throw new TypeError("The connection was released");
    return device;
  }

  /** Counts one more connection on a device. @throws SystemError */
  addConnection(context: number): VerbsDevice {
    const device = this.byContext.get(context) ?? new VerbsDevice(context);
    this.byContext.set(context, device);
    device.connections++;
    if (device.keptId !== 0) destroyId(device.keptId);
    device.keptId = 0;
    return device;
  }

  /** Counts one connection less, and destroys its id, at once or after the last registration. */
  removeConnection(device: VerbsDevice, id: number): void {
    device.connections--;
    if (device.connections === 0 && device.regions > 0) {
      device.keptId = id;
      return;
    }
    this.removeIfUnused(device);
    destroyId(id);
  }

  /** Counts one connection less that was never completed; its id stays. */
  forget(device: VerbsDevice): void {
    device.connections--;
    this.removeIfUnused(device);
  }

  /** Counts one registration less. */
  removeRegion(device: VerbsDevice): void {
    device.regions--;
    this.removeIfUnused(device);
    if (device.connections > 0 || device.regions > 0 || device.keptId === 0) return;
    destroyId(device.keptId);
    device.keptId = 0;
  }

  private removeIfUnused(device: VerbsDevice): void {
    if (device.connections > 0 || device.regions > 0) return;
    this.byContext.delete(device.context);
    deallocatePd(device.pd);
  }
}
