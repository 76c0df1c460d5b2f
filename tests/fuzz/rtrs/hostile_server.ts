/**
 * A hostile server: bent accepts, rejects, INFO_RSP and OPEN_RSP, wild immediates and sends. The
 * client may fail as often as it likes, but must not throw, and must leave nothing when it closes.
 */
import { encodeConnectAccept, encodeConnectReject } from "../../../src/rtrs/connect_codec.ts";
import { memoryBits, requestBufferId, responseImmediate } from "../../../src/rtrs/immediate.ts";
import { encodeInfoResponse, infoResponseBytes } from "../../../src/rtrs/info_codec.ts";
import { encodeOpenResponse } from "../../../src/rnbd/codec.ts";
import { OFFER, regionsOf } from "../../rtrs/harness/client_rig.ts";
import { RESPONSE, RnbdClientRig } from "../../rnbd/harness/client_rig.ts";
import type { Random } from "../../support/random.ts";

const STEPS_PER_CLIENT = 1000;

function answerConnect(rig: RnbdClientRig, random: Random): void {
  const { fabric } = rig.rtrs;
  const connect = fabric.connects.shift();
  if (connect === undefined || connect.isCancelled) return;
  const queueDepth = random.chance(0.9) ? 8 : random.below(65_536);
  const bent = (bytes: Uint8Array) => random.chance(0.9) ? bytes : random.mutate(bytes);
  const what = random.below(20);
  if (what === 0) {
    connect.done({ kind: "rejected", privateData: bent(encodeConnectReject(17)) });
  } else if (what === 1) {
    connect.done({ kind: "failed", failure: { errno: 111, reason: "nobody listens" } });
  } else {
    const privateData = bent(encodeConnectAccept({ ...OFFER, queueDepth }));
    const ticket = fabric.ticket("tcp:10.0.0.2", "tcp:10.0.0.1");
    connect.done({ kind: "established", ticket, privateData });
  }
}

function sendInfo(rig: RnbdClientRig, random: Random): void {
  const regions = regionsOf(rig.rtrs.session.offer ?? OFFER);
  const bytes = new Uint8Array(infoResponseBytes(regions.length));
  encodeInfoResponse(bytes, regions);
  rig.rtrs.receive(random.chance(0.7) ? bytes : random.mutate(bytes));
}

/** Puts something into a buffer that the client exposed, and says that it is an answer. */
function sendAnswer(rig: RnbdClientRig, random: Random): void {
  const { session, memory, service } = rig.rtrs;
  const lane = session.adminLane;
  const permit = random.below(random.chance(0.9) ? 2 : 16);
  const errno = random.chance(0.8) ? 0 : random.below(512);
  if (lane !== undefined && permit < 2) {
    const at = lane.bufferOf(permit);
    const deviceId = random.below(4);
    encodeOpenResponse(memory.arena.view, at, { ...RESPONSE, deviceId });
    if (random.chance(0.5)) random.mutate(memory.arena.u8.subarray(at, at + 56));
  }
  service.handler.onImmediate(responseImmediate(permit, errno, false));
}

/** What a right server, or time, would do next: the session must get somewhere to be attacked. */
function goOn(rig: RnbdClientRig, random: Random): void {
  const { rtrs } = rig;
  for (const reactor of rtrs.reactors) reactor.answer();
  const service = rtrs.adopter.connections.at(-1);
  const connect = rtrs.fabric.connects.find((pending) => !pending.isCancelled);
  if (connect !== undefined) {
    rtrs.fabric.connects.splice(0, Infinity, connect);
    return rtrs.accept();
  }
  if (service === undefined || service.isClosing) {
    rtrs.adopter.settle();
    return rtrs.clock.advance(61_000);
  }
  const post = service.posts[0];
  if (post === undefined) return changeDevices(rig, random);
  if (post.kind === "send" && !rtrs.session.isConnected) rtrs.sendInfo();
  service.posts.shift();
  if (post.kind !== "writeImmediate") return;
  // Whatever it was: only OPEN looks at what lies in the buffer.
  const permit = requestBufferId(post.immediate, memoryBits(OFFER.queueDepth));
  const at = rtrs.session.adminLane!.bufferOf(permit);
  encodeOpenResponse(rtrs.memory.arena.view, at, { ...RESPONSE, deviceId: random.below(4) });
  service.handler.onImmediate(responseImmediate(permit, 0, false));
}

function step(rig: RnbdClientRig, random: Random): void {
  const service = rig.rtrs.adopter.connections.at(-1);
  const isAlive = service !== undefined && !service.isClosing;
  const what = random.below(200);
  if (what < 180) goOn(rig, random);
  else if (what < 184) answerConnect(rig, random);
  else if (what < 185) rig.rtrs.clock.advance(random.pick([100, 1000, 5000, 61_000]));
  else if (what < 186) rig.rtrs.settle();
  else if (what < 188) changeDevices(rig, random);
  else if (!isAlive) return;
  else if (what < 190) sendInfo(rig, random);
  else if (what < 196) sendAnswer(rig, random);
  else if (what < 197) service.handler.onImmediate(random.u32());
  else if (what < 198) rig.rtrs.receive(random.fill(new Uint8Array(1 + random.below(100))));
  else if (what < 199) service.handler.onInvalidated(random.u32());
  else service.break();
}

function changeDevices(rig: RnbdClientRig, random: Random): void {
  const devices = [...rig.client.devices.values()].filter((device) => !device.isRemoved);
  if (devices.length < 4) rig.client.addDevice(`disk ${random.below(100)}`, "rw");
  else rig.client.removeDevice(random.pick(devices), () => {});
}

/** Runs the attack; every client that was attacked must come out empty. */
export function attackClients(inputs: number, random: Random): void {
  for (let done = 0; done < inputs; done += STEPS_PER_CLIENT) {
    const rig = new RnbdClientRig({ answersAtOnce: random.chance(0.5) });
    const steps = Math.min(STEPS_PER_CLIENT, inputs - done);
    for (let i = 0; i < steps; i++) step(rig, random);
    let closed = false;
    rig.rtrs.session.close(() => closed = true);
    rig.rtrs.settle();
    if (!closed) throw new Error("close never ended");
    for (const device of rig.client.devices.values()) device.retryTimer?.cancel();
    rig.rtrs.assertEmpty();
  }
}
