/** The life of a device up to the point where a real driver is needed: the order of commands. */
import assert from "node:assert/strict";
import type { BlockGeometry } from "../../src/rnbd/block_queue.ts";
import { FEATURE } from "../../src/ublk/commands.ts";
import type { UblkControl } from "../../src/ublk/control.ts";
import { UblkDevice } from "../../src/ublk/device.ts";
import type { DeviceRequest } from "../../src/ublk/device_info.ts";
import type { UblkHost } from "../../src/ublk/host.ts";

const GEOMETRY: BlockGeometry = {
  sizeBytes: 2 ** 26,
  logicalBlockBytes: 512,
  physicalBlockBytes: 4096,
  maxIoBytes: 126_976,
  maxDiscardBytes: 0,
  maxWriteZeroesBytes: 0,
  discardGranularityBytes: 0,
  discardAlignmentBytes: 0,
  secureErase: false,
  readOnly: false,
  writeCache: false,
  fua: false,
};
/** No ublk device has this number. */
const ID = 4_000_000;

/** A driver that knows `features`, makes devices, and does no more. */
class FakeControl {
  readonly calls: string[] = [];
  request: DeviceRequest | undefined;

  constructor(private readonly known: number) {}

  features(): Promise<number> {
    return Promise.resolve(this.known);
  }

  addDevice(request: DeviceRequest): Promise<unknown> {
    this.calls.push("ADD_DEV");
    this.request = request;
    return Promise.resolve({ ...request, id: ID, state: 0, serverPid: -1 });
  }

  setParameters(): Promise<void> {
    this.calls.push("SET_PARAMS");
    return Promise.reject(new Error("planted"));
  }

  stopDevice(): Promise<void> {
    this.calls.push("STOP_DEV");
    return Promise.resolve();
  }

  deleteDevice(): Promise<boolean> {
    this.calls.push("DEL_DEV");
    return Promise.resolve(true);
  }
}

const HOST: UblkHost = {
  lanes: 2,
  allocateBuffers: () => assert.fail("no buffers are needed yet"),
  releaseBuffers: () => assert.fail("there are no buffers"),
  serve: () => assert.fail("there is no queue to serve"),
};

function create(control: FakeControl, geometry: BlockGeometry): Promise<UblkDevice> {
  return UblkDevice.create({
    control: control as unknown as UblkControl,
    host: HOST,
    tag: { low: 5, high: 6 },
    geometry,
    permits: 40,
    link: "/nonexistent/link",
    udevRecords: "/nonexistent/udev",
  });
}

Deno.test("device: what the driver refuses is taken back, in order", async () => {
  const control = new FakeControl(0x1fe);
  await assert.rejects(create(control, GEOMETRY), /planted/);
  assert.deepEqual(control.calls, ["ADD_DEV", "SET_PARAMS", "STOP_DEV", "DEL_DEV"]);
});

Deno.test("device: a queue a reactor, whole pages, only features that are there, our tag", async () => {
  const { USER_RECOVERY, USER_RECOVERY_REISSUE, CMD_IOCTL_ENCODE, UPDATE_SIZE } = FEATURE;
  const all = USER_RECOVERY | USER_RECOVERY_REISSUE | CMD_IOCTL_ENCODE | UPDATE_SIZE | 1 << 8;
  const control = new FakeControl(all);
  await assert.rejects(create(control, GEOMETRY), /planted/);
  assert.deepEqual(control.request, {
    queues: 2,
    depth: 20,
    maxIoBytes: 126_976,
    features: USER_RECOVERY | USER_RECOVERY_REISSUE | CMD_IOCTL_ENCODE,
    tag: { low: 5, high: 6 },
  });
  const old = new FakeControl(CMD_IOCTL_ENCODE);
  await assert.rejects(create(old, GEOMETRY), /planted/);
  assert.equal(old.request?.features, CMD_IOCTL_ENCODE);
});

Deno.test("device: a disk that the driver cannot have is told before anything is made", async () => {
  const control = new FakeControl(0x1fe);
  await assert.rejects(create(control, { ...GEOMETRY, logicalBlockBytes: 8192 }), /8192/);
  assert.deepEqual(control.calls, []);
});
