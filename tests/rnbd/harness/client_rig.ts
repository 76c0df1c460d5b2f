/** The RNBD client above the RTRS client of tests/rtrs; the test plays the server's admin side. */
import assert from "node:assert/strict";
import {
  CLOSE,
  decodeOpen,
  encodeOpenResponse,
  messageType,
  OPEN,
  type OpenResponse,
  RNBD_MESSAGE,
  SESS_INFO,
} from "../../../src/rnbd/codec.ts";
import type { ClientDevice, DeviceFailure } from "../../../src/rnbd/client/device.ts";
import { RnbdClient } from "../../../src/rnbd/client/client.ts";
import type { ClientPath } from "../../../src/rtrs/client/path.ts";
import type { ClientSessionSettings } from "../../../src/rtrs/client/session.ts";
import { requestBufferId } from "../../../src/rtrs/immediate.ts";
import { ClientRig } from "../../rtrs/harness/client_rig.ts";

/** 8 chunks: 25 bits are left for the offset. */
const BITS = 25;

export const RESPONSE: OpenResponse = {
  deviceId: 0,
  sizeSectors: 2048,
  maxHwSectors: 16,
  maxWriteZeroesSectors: 256,
  maxDiscardSectors: 1024,
  discardGranularityBytes: 4096,
  discardAlignmentBytes: 0,
  physicalBlockBytes: 4096,
  logicalBlockBytes: 512,
  maxSegments: 128,
  secureDiscard: 0,
  cachePolicy: 3,
};

/** An admin message that waits for its answer. */
export interface AdminRequest {
  readonly type: "SESS_INFO" | "OPEN" | "CLOSE";
  readonly permit: number;
  /** Of OPEN. */
  readonly name?: string;
  readonly mode?: number;
  /** Of CLOSE. */
  readonly deviceId?: number;
}

/** See the head of this file. */
export class RnbdClientRig {
  readonly rtrs: ClientRig;
  readonly client: RnbdClient;
  /** What the user was told. */
  readonly events: string[] = [];
  readonly failures: DeviceFailure[] = [];

  constructor(
    options: { settings?: Partial<ClientSessionSettings>; answersAtOnce?: boolean } = {},
  ) {
    const forward = {
      onConnected: () => this.client.onConnected(),
      onDisconnected: (failure: DeviceFailure) => this.client.onDisconnected(failure),
      onAttemptFailed: (failure: DeviceFailure, nextTryMs: number | undefined) =>
        this.client.onAttemptFailed(failure, nextTryMs),
      onPath: (path: ClientPath) => this.client.onPath(path),
      onAdminResponse: (permit: number, errno: number) =>
        this.client.onAdminResponse(permit, errno),
    };
    // Heartbeats have tests of their own; here they would only be in the way.
    const heartbeat = { intervalMs: 1e9, missedMax: 5 };
    const settings = { heartbeat, ...options.settings };
    this.rtrs = new ClientRig({ ...options, settings, user: forward });
    this.client = new RnbdClient(this.rtrs.reactors.map((reactor) => reactor.control), {
      onDeviceOpen: (device) => this.events.push(`open ${device.devicePath}`),
      onDeviceClosed: (device) => this.events.push(`closed ${device.devicePath}`),
      onDeviceResized: (device) =>
        this.events.push(`resized ${device.devicePath} ${device.geometry!.sizeBytes}`),
      onDeviceFailed: (device, failure) => {
        this.events.push(`failed ${device.devicePath}`);
        this.failures.push(failure);
      },
      onSession: (isConnected) => this.events.push(isConnected ? "up" : "down"),
      onPath: () => {},
    });
    this.client.session = this.rtrs.session;
    this.rtrs.session.start();
  }

  /** Connects and answers SESS_INFO. */
  greet(): void {
    this.rtrs.establish();
    this.rtrs.service.posts.shift();
    const greeting = this.next();
    assert.equal(greeting.type, "SESS_INFO");
    this.answer(greeting);
  }

  /** The service connection breaks; everything of it ends, and the next attempt is due. */
  disconnect(): void {
    this.rtrs.service.break();
    this.rtrs.settle();
  }

  /** The oldest admin message that was sent. */
  next(): AdminRequest {
    const post = this.rtrs.service.posts.shift();
    assert.ok(post !== undefined, "no admin message was sent");
    const { view } = this.rtrs.memory.arena;
    const permit = requestBufferId(post.immediate, BITS);
    const type = messageType(view, post.first);
    if (type === RNBD_MESSAGE.SESS_INFO) {
      assert.equal(post.firstLength, SESS_INFO.BYTES + 24);
      return { type: "SESS_INFO", permit };
    }
    if (type === RNBD_MESSAGE.CLOSE) {
      assert.equal(post.firstLength, CLOSE.BYTES + 4);
      const deviceId = view.getUint32(post.first + CLOSE.DEVICE_ID, true);
      return { type: "CLOSE", permit, deviceId };
    }
    assert.equal(type, RNBD_MESSAGE.OPEN);
    assert.equal(post.firstLength, OPEN.BYTES + 24);
    const open = decodeOpen(view, post.first, OPEN.BYTES);
    assert.ok(typeof open === "object");
    return { type: "OPEN", permit, ...open };
  }

  /** No admin message waits to be looked at. */
  assertQuiet(): void {
    assert.deepEqual(this.rtrs.service.posts, []);
  }

  /** Answers with an errno, or with success. */
  answer(request: AdminRequest, errno = 0): void {
    this.rtrs.service.handler.onImmediate(0x1000_0000 + errno * 2 ** 19 + request.permit);
  }

  /** Answers an OPEN. */
  answerOpen(request: AdminRequest, response: Partial<OpenResponse> = {}): void {
    assert.equal(request.type, "OPEN");
    const at = this.rtrs.session.adminLane!.bufferOf(request.permit);
    encodeOpenResponse(this.rtrs.memory.arena.view, at, { ...RESPONSE, ...response });
    this.answer(request);
  }

  /** Adds a device and opens it under an id. */
  openDevice(name: string, deviceId = 0): ClientDevice {
    const device = this.client.addDevice(name, "rw");
    this.answerOpen(this.next(), { deviceId });
    assert.equal(device.state, "open");
    return device;
  }

  /** Ids that the first reactor was told, by device handle, in order. */
  setDevices(): [device: number, deviceId: number][] {
    return this.rtrs.reactors[0]!.of("setDevice")
      .map(({ device, deviceId }) => [device, deviceId]);
  }
}
