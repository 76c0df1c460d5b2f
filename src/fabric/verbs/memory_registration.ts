/** Memory registration with an error that says what to do. */
import { ERRNO, SystemError } from "../../ffi/errno.ts";
import { deregisterMemory, type MemoryRegion, registerMemory } from "../../ffi/libibverbs.ts";
import type { RegisteredMemory } from "../fabric.ts";
import type { VerbsDevice, VerbsDevices } from "./device.ts";

/**
 * ibv_reg_mr on a device.
 * @param address native address
 * @param access bits of ACCESS
 * @throws SystemError; on ENOMEM it names the limit on locked memory
 */
export function registerRegion(
  device: VerbsDevice,
  address: number,
  length: number,
  access: number,
): MemoryRegion {
  try {
    return registerMemory(device.pd, address, length, access);
  } catch (cause) {
    if (!(cause instanceof SystemError)) throw cause;
    const advice = cause.errno === ERRNO.ENOMEM
      ? " (locked memory: raise ulimit -l, RLIMIT_MEMLOCK, or LimitMEMLOCK= of the systemd unit)"
      : "";
    throw new SystemError(cause.errno, cause.call, `${length} bytes on ${device.name}${advice}`);
  }
}

interface Registration {
  readonly memory: RegisteredMemory;
  readonly device: VerbsDevice;
  readonly region: number;
}

/** Live registrations by what their owners hold: plain data, maybe a copy of it. */
export class Registrations {
  private readonly byKey = new Map<number, Registration[]>();

  constructor(private readonly devices: VerbsDevices) {}

  /** Remembers the region (address of an ibv_mr) behind `memory`. */
  add(memory: RegisteredMemory, device: VerbsDevice, region: number): void {
    device.regions++;
    const list = this.byKey.get(memory.lkey) ?? [];
    list.push({ memory, device, region });
    this.byKey.set(memory.lkey, list);
  }

  /** The device and the region behind `memory`. @throws TypeError when there is none */
  find(memory: RegisteredMemory): { readonly device: VerbsDevice; readonly region: number } {
    return this.byKey.get(memory.lkey)![this.indexOf(memory)]!;
  }

  private indexOf(memory: RegisteredMemory): number {
    const list = this.byKey.get(memory.lkey) ?? [];
    // Keys are unique to a device only: the object itself comes first.
    let index = list.findIndex((entry) => entry.memory === memory);
    if (index < 0) {
      index = list.findIndex((entry) =>
        entry.memory.at === memory.at && entry.memory.length === memory.length &&
        entry.memory.rkey === memory.rkey
      );
    }
    if (index < 0) throw new TypeError(`Memory at ${memory.at} is not registered`);
    return index;
  }

  /** Ends the registration of `memory`. @throws TypeError when there is none */
  remove(memory: RegisteredMemory): void {
    const index = this.indexOf(memory);
    const list = this.byKey.get(memory.lkey)!;
    const [entry] = list.splice(index, 1);
    if (list.length === 0) this.byKey.delete(memory.lkey);
    try {
      deregisterMemory(entry!.region);
    } catch (cause) {
      if (!isDeviceGone(cause)) throw cause;
    } finally {
      this.devices.removeRegion(entry!.device);
    }
  }
}

/** True for the errors of calls on a device that was removed: its objects are gone already. */
export function isDeviceGone(cause: unknown): boolean {
  return cause instanceof SystemError &&
    (cause.errno === ERRNO.ENODEV || cause.errno === ERRNO.EIO);
}
