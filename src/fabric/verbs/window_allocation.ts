/** Memory windows as main makes and frees them. */
import { ERRNO, SystemError } from "../../ffi/errno.ts";
import { allocateMemoryWindow, deallocateMemoryWindow } from "../../ffi/libibverbs.ts";
import type { VerbsDevice } from "./device.ts";
import { isDeviceGone } from "./memory_registration.ts";

/** What to do about a device that gives no window. */
function advice(errno: number): string {
  if (errno === ERRNO.EOPNOTSUPP || errno === ERRNO.ENOSYS) {
    return " (the device has none of type 1: set always_invalidate = false)";
  }
  return errno === ERRNO.ENOMEM
    ? " (the device has no more: lower queue_depth, or set always_invalidate = false)"
    : "";
}

/**
 * Allocates `count` windows of type 1, not bound to anything; returns their native addresses.
 * @throws SystemError; nothing is left then
 */
export function allocateWindows(device: VerbsDevice, count: number): number[] {
  const handles: number[] = [];
  try {
    while (handles.length < count) handles.push(allocateMemoryWindow(device.pd).address);
  } catch (cause) {
    freeWindows(handles);
    if (!(cause instanceof SystemError)) throw cause;
    const subject = `memory window ${handles.length + 1} of ${count} on ${device.name}`;
    throw new SystemError(cause.errno, cause.call, `${subject}${advice(cause.errno)}`);
  }
  return handles;
}

/** Frees windows; open ones are closed by that. What a removed device took with it is no error. */
export function freeWindows(handles: readonly number[]): void {
  for (const handle of handles) {
    try {
      deallocateMemoryWindow(handle);
    } catch (cause) {
      if (!isDeviceGone(cause)) throw cause;
    }
  }
}
