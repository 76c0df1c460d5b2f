/** struct ublksrv_ctrl_dev_info: what ADD_DEV takes, and what the kernel says of a device. */
import { DEVICE_INFO } from "./commands.ts";
import type { OwnershipTag } from "./ownership_tag.ts";

/** The kernel chooses the number. */
const ANY_ID = 0xffff_ffff;

/** What is asked for. */
export interface DeviceRequest {
  readonly queues: number;
  readonly depth: number;
  readonly maxIoBytes: number;
  /** FEATURE bits. */
  readonly features: number;
  readonly tag: OwnershipTag;
}

/** What there is. */
export interface DeviceInfo extends DeviceRequest {
  readonly id: number;
  /** DEVICE_STATE. */
  readonly state: number;
  /** Process that serves it, or did; -1 = none. */
  readonly serverPid: number;
}

/** Writes the argument of ADD_DEV. */
export function encodeDeviceInfo(view: DataView, at: number, request: DeviceRequest): void {
  for (let i = 0; i < DEVICE_INFO.BYTES; i += 4) view.setUint32(at + i, 0, true);
  view.setUint16(at + DEVICE_INFO.QUEUES, request.queues, true);
  view.setUint16(at + DEVICE_INFO.QUEUE_DEPTH, request.depth, true);
  view.setUint32(at + DEVICE_INFO.MAX_IO_BYTES, request.maxIoBytes, true);
  view.setUint32(at + DEVICE_INFO.DEV_ID, ANY_ID, true);
  view.setUint32(at + DEVICE_INFO.FLAGS, request.features, true);
  view.setUint32(at + DEVICE_INFO.SERVER_FLAGS, request.tag.low, true);
  view.setUint32(at + DEVICE_INFO.SERVER_FLAGS + 4, request.tag.high, true);
}

/** Reads what ADD_DEV and GET_DEV_INFO answer. */
export function decodeDeviceInfo(view: DataView, at: number): DeviceInfo {
  return {
    id: view.getUint32(at + DEVICE_INFO.DEV_ID, true),
    queues: view.getUint16(at + DEVICE_INFO.QUEUES, true),
    depth: view.getUint16(at + DEVICE_INFO.QUEUE_DEPTH, true),
    maxIoBytes: view.getUint32(at + DEVICE_INFO.MAX_IO_BYTES, true),
    state: view.getUint16(at + DEVICE_INFO.STATE, true),
    serverPid: view.getInt32(at + DEVICE_INFO.SERVER_PID, true),
    features: view.getUint32(at + DEVICE_INFO.FLAGS, true),
    tag: {
      low: view.getUint32(at + DEVICE_INFO.SERVER_FLAGS, true),
      high: view.getUint32(at + DEVICE_INFO.SERVER_FLAGS + 4, true),
    },
  };
}
