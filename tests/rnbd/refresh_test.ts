/** The client asks for a size, and learns that the server took the device away. */
import assert from "node:assert/strict";
import type { ClientDevice, DeviceFailure } from "../../src/rnbd/client/device.ts";
import { RnbdClientRig } from "./harness/client_rig.ts";

const ENOTCONN = 107;
const EIO = 5;

function refresh(rig: RnbdClientRig, device: ClientDevice): (DeviceFailure | undefined)[] {
  const outcomes: (DeviceFailure | undefined)[] = [];
  rig.client.refreshDevice(device, (failure) => outcomes.push(failure));
  return outcomes;
}

function openRig(): { rig: RnbdClientRig; device: ClientDevice } {
  const rig = new RnbdClientRig();
  rig.greet();
  return { rig, device: rig.openDevice("disk", 3) };
}

/** CLOSEs that were sent, by id; each is answered. */
function takeCloses(rig: RnbdClientRig, count: number): (number | undefined)[] {
  return Array.from({ length: count }, () => {
    const request = rig.next();
    assert.equal(request.type, "CLOSE");
    rig.answer(request);
    return request.deviceId;
  });
}

Deno.test("another id: the server took it away; it is closed, and closed there under both ids", () => {
  const { rig, device } = openRig();
  const outcomes = refresh(rig, device);
  rig.answerOpen(rig.next(), { deviceId: 5 });
  assert.equal(outcomes[0]?.errno, ENOTCONN);
  assert.deepEqual([device.state, device.lastFailure?.errno], ["closed", ENOTCONN]);
  assert.equal(device.nextTryAt, undefined, "nobody but a person opens it again");
  assert.deepEqual(takeCloses(rig, 2), [3, 5]);
  for (const reactor of rig.rtrs.reactors) assert.equal(reactor.of("unsetDevice").length, 1);
  assert.equal(rig.events.at(-1), "closed disk");
  rig.assertQuiet();
  rig.client.reopenDevice(device);
  rig.answerOpen(rig.next(), { deviceId: 6 });
  assert.deepEqual([device.state, device.deviceId], ["open", 6]);
});

Deno.test("a refusal of a name that is open: the server took it away, and another client has it", () => {
  for (const errno of [1, 2, 13, 30]) {
    const { rig, device } = openRig();
    const outcomes = refresh(rig, device);
    rig.answer(rig.next(), errno);
    assert.deepEqual([outcomes[0]?.errno, device.state], [ENOTCONN, "closed"]);
    assert.deepEqual(takeCloses(rig, 1), [3]);
    rig.assertQuiet();
  }
});

Deno.test("what was taken away is opened again after the next connect", () => {
  const { rig, device } = openRig();
  refresh(rig, device);
  rig.answerOpen(rig.next(), { deviceId: 5 });
  takeCloses(rig, 2);
  rig.disconnect();
  rig.rtrs.clock.advance(1000);
  rig.greet();
  rig.answerOpen(rig.next(), { deviceId: 0 });
  assert.deepEqual([device.state, device.deviceId], ["open", 0]);
});

Deno.test("two who ask at the same time share one OPEN", () => {
  const { rig, device } = openRig();
  const [first, second] = [refresh(rig, device), refresh(rig, device)];
  rig.answerOpen(rig.next(), { deviceId: 3, sizeSectors: 4096 });
  assert.deepEqual([first, second], [[undefined], [undefined]]);
  rig.assertQuiet();
});

Deno.test("removed while it is asked for: CLOSE follows, of every id that the server may have", () => {
  for (const [deviceId, closes] of [[3, [3]], [5, [3, 5]]] as const) {
    const { rig, device } = openRig();
    const outcomes = refresh(rig, device);
    const open = rig.next();
    let isRemoved = false;
    rig.client.removeDevice(device, () => isRemoved = true);
    rig.assertQuiet();
    rig.answerOpen(open, { deviceId });
    assert.equal(outcomes[0]?.errno, EIO);
    assert.deepEqual(takeCloses(rig, closes.length), closes);
    assert.ok(isRemoved);
    rig.assertQuiet();
  }
});

Deno.test("mapped anew while it is asked for: opened once more, whichever answer comes first", () => {
  for (const closeFirst of [true, false]) {
    const { rig, device } = openRig();
    refresh(rig, device);
    const open = rig.next();
    rig.client.reopenDevice(device);
    const close = rig.next();
    assert.deepEqual([close.type, close.deviceId], ["CLOSE", 3]);
    if (closeFirst) rig.answer(close);
    rig.answerOpen(open, { deviceId: 3 });
    if (!closeFirst) rig.answer(close);
    rig.answerOpen(rig.next(), { deviceId: 4 });
    assert.deepEqual([device.state, device.deviceId], ["open", 4], `closeFirst ${closeFirst}`);
    rig.assertQuiet();
  }
});

Deno.test("disconnected while it is asked for: told why, and opened after the next connect", () => {
  const { rig, device } = openRig();
  const outcomes = refresh(rig, device);
  rig.next();
  rig.disconnect();
  rig.rtrs.clock.advance(1000);
  assert.equal(outcomes.length, 1);
  assert.ok(outcomes[0] !== undefined);
  rig.greet();
  rig.answerOpen(rig.next(), { deviceId: 1 });
  assert.deepEqual([device.state, device.deviceId], ["open", 1]);
  assert.equal(refresh(rig, device).length, 0);
});

Deno.test("a device that is not open is not asked for", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const device = rig.client.addDevice("disk", "rw");
  const outcomes = refresh(rig, device);
  assert.equal(outcomes[0]?.errno, EIO);
  rig.answerOpen(rig.next(), { deviceId: 2 });
  assert.equal(device.state, "open");
  rig.assertQuiet();
});
