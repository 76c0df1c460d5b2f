/**
 * Hostile clients at the server's door: connect requests and INFO messages, bent and random, in any
 * order, with connections that break in between. In the end nothing may be left of them.
 */
import { encodeInfoRequest, INFO_REQ } from "../../../src/rtrs/info_codec.ts";
import { encodeConnectRequest } from "../../../src/rtrs/connect_codec.ts";
import type { RequestFate } from "../../rtrs/harness/fake_fabric.ts";
import { CID_NUM, ServerRig, uuid } from "../../rtrs/harness/server_rig.ts";
import type { Random } from "../../support/random.ts";

const STEPS_PER_SERVER = 2000;
const ACCEPTS_MAX = 20;

function bentRequest(random: Random): Uint8Array {
  const session = random.below(6);
  const bytes = encodeConnectRequest({
    cid: random.below(CID_NUM),
    cidNum: random.chance(0.9) ? CID_NUM : random.below(5000),
    reconCnt: random.u32(),
    pathUuid: uuid(session * 4 + random.below(2)),
    sessionUuid: uuid(100 + session),
    firstConn: random.chance(0.9),
  });
  if (random.chance(0.8)) return bytes;
  return random.chance(0.3) ? random.fill(new Uint8Array(random.below(120))) : random.mutate(bytes);
}

function bentInfo(random: Random): Uint8Array {
  const bytes = new Uint8Array(INFO_REQ.BYTES);
  if (random.chance(0.1)) return random.fill(bytes).subarray(0, random.below(INFO_REQ.BYTES + 1));
  encodeInfoRequest(bytes, random.pick(["one", "two", "three"]));
  return random.chance(0.7) ? bytes : random.mutate(bytes);
}

function step(rig: ServerRig, accepts: RequestFate[], random: Random): void {
  const living = rig.adopter.connections.filter((connection) => !connection.isClosing);
  const connection = living.length > 0 ? random.pick(living) : undefined;
  const what = random.below(100);
  if (what < 60) {
    const remote = `tcp:10.0.0.${random.below(8)}`;
    const fate = rig.fabric.request(bentRequest(random), remote);
    if (fate.accepted !== undefined) accepts.push(fate);
    if (accepts.length > ACCEPTS_MAX || random.chance(0.7)) accepts.shift()?.finish();
  } else if (what < 75) {
    if (connection !== undefined) rig.sendInfo(connection, bentInfo(random));
  } else if (what < 77) connection?.handler.onImmediate(random.u32());
  else if (what < 80) connection?.break();
  else if (what < 82) accepts.shift()?.finish({ errno: 104, reason: "the peer went away" });
  else if (what < 95) rig.reactors[random.below(2)]!.answer();
  else if (what < 99) rig.adopter.settle();
  else rig.clock.advance(random.pick([100, 5000, 31_000]));
}

/** Runs the attack; every server that was attacked must come out empty. */
export function attackConnects(inputs: number, random: Random): void {
  for (let done = 0; done < inputs; done += STEPS_PER_SERVER) {
    const rig = new ServerRig({ answersAtOnce: random.chance(0.5) });
    const accepts: RequestFate[] = [];
    const steps = Math.min(STEPS_PER_SERVER, inputs - done);
    for (let i = 0; i < steps; i++) {
      step(rig, accepts, random);
      if (rig.adopter.connections.length > 200) {
        const alive = rig.adopter.connections.filter((connection) => !connection.isClosed);
        rig.adopter.connections.splice(0, Infinity, ...alive);
      }
    }
    rig.server.close(() => {});
    for (const accept of accepts) accept.finish();
    for (let round = 0; round < 10; round++) {
      for (const reactor of rig.reactors) reactor.answer();
      rig.adopter.settle();
    }
    rig.assertEmpty();
  }
}
