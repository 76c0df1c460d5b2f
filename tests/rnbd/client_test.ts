/** The RNBD client's control half: greeting, OPEN with retries, re-OPEN, unmap at any time. */
import assert from "node:assert/strict";
import { ADMIN_QUEUE_MAX, OTHER_WRITER_PATIENCE_MS } from "../../src/rnbd/limits.ts";
import { AdminQueue } from "../../src/rnbd/client/admin_queue.ts";
import type { DeviceFailure } from "../../src/rnbd/client/device.ts";
import { RnbdClientRig } from "./harness/client_rig.ts";

const EPERM = 1;
const ENOENT = 2;
const EBUSY = 16;
const ENOMEM = 12;

Deno.test("after connecting: SESS_INFO, then OPEN of every device", () => {
  const rig = new RnbdClientRig();
  const devices = [rig.client.addDevice("a", "ro"), rig.client.addDevice("b", "migration")];
  rig.rtrs.establish();
  rig.rtrs.service.posts.shift();
  const greeting = rig.next();
  assert.equal(greeting.type, "SESS_INFO");
  rig.assertQuiet();
  rig.answer(greeting);
  const opens = [rig.next(), rig.next()];
  assert.deepEqual(opens.map(({ name, mode }) => [name, mode]), [["a", 0], ["b", 2]]);
  rig.answerOpen(opens[1]!, { deviceId: 7 });
  rig.answerOpen(opens[0]!, { deviceId: 3 });
  assert.deepEqual(rig.events, ["up", "open b", "open a"]);
  assert.deepEqual(devices.map(({ state, deviceId }) => [state, deviceId]), [["open", 3], [
    "open",
    7,
  ]]);
  assert.deepEqual(rig.setDevices(), [[devices[1]!.handle, 7], [devices[0]!.handle, 3]]);
});

Deno.test("the geometry of a device is what OPEN_RSP and the session say", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const device = rig.client.addDevice("disk", "ro");
  rig.answerOpen(rig.next());
  assert.deepEqual(device.geometry, {
    sizeBytes: 2 ** 20,
    logicalBlockBytes: 512,
    physicalBlockBytes: 4096,
    maxIoBytes: 8192,
    maxDiscardBytes: 1024 * 512,
    maxWriteZeroesBytes: 256 * 512,
    discardGranularityBytes: 4096,
    discardAlignmentBytes: 0,
    secureErase: false,
    readOnly: true,
    writeCache: true,
    fua: true,
  });
});

Deno.test("more devices than permits: the rest wait their turn, in order", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const names = ["a", "b", "c", "d", "e"];
  for (const name of names) rig.client.addDevice(name, "rw");
  const seen: (string | undefined)[] = [];
  const [first, second] = [rig.next(), rig.next()];
  rig.assertQuiet();
  for (let request = first, other = second;;) {
    seen.push(request.name);
    rig.answerOpen(request, { deviceId: seen.length });
    if (seen.length === names.length) break;
    request = other;
    if (seen.length < names.length - 1) other = rig.next();
  }
  assert.deepEqual(seen, names);
});

Deno.test("a device is open only when every reactor knows its id", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  for (const reactor of rig.rtrs.reactors) reactor.answersAtOnce = false;
  const device = rig.client.addDevice("disk", "rw");
  rig.answerOpen(rig.next());
  rig.rtrs.reactors[0]!.answer();
  assert.equal(device.state, "closed");
  rig.rtrs.reactors[1]!.answer();
  assert.equal(device.state, "open");
});

Deno.test("OPEN that is refused is told in words, and tried again with back-off", () => {
  const rig = new RnbdClientRig({ settings: { reconnectDelayMaxMs: 4000 } });
  rig.greet();
  const device = rig.client.addDevice("disk", "rw");
  for (const delayMs of [1000, 2000, 4000, 4000]) {
    rig.answer(rig.next(), EBUSY);
    assert.deepEqual([device.state, device.lastFailure!.errno], ["closed", EBUSY]);
    assert.match(device.lastFailure!.reason, /refused to open disk .rw.: EBUSY/);
    assert.equal(device.nextTryAt, rig.rtrs.clock.now() + delayMs);
    rig.rtrs.clock.advance(delayMs - 1);
    rig.assertQuiet();
    rig.rtrs.clock.advance(1);
  }
  rig.answerOpen(rig.next());
  assert.deepEqual([device.state, device.failures, device.lastFailure], ["open", 0, undefined]);
  assert.equal(rig.events.filter((event) => event === "failed disk").length, 4);
});

Deno.test("OPEN that would be refused again is not tried again before something changes", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const device = rig.client.addDevice("disk", "ro");
  rig.answer(rig.next(), EPERM);
  assert.match(device.lastFailure!.reason, /the server's exports do not allow it/);
  assert.deepEqual([device.state, device.nextTryAt], ["closed", undefined]);
  rig.rtrs.clock.advance(4000);
  rig.assertQuiet();
  rig.client.retryDevice(device);
  rig.answer(rig.next(), ENOENT);
  assert.equal(device.nextTryAt, undefined);
  rig.disconnect();
  rig.rtrs.clock.advance(1000);
  rig.greet();
  rig.answerOpen(rig.next());
  assert.deepEqual([device.state, device.lastFailure], ["open", undefined]);
});

Deno.test("another writer is waited for as long as its server may need to notice its death", () => {
  const rig = new RnbdClientRig({ settings: { reconnectDelayMaxMs: 4000 } });
  rig.greet();
  const device = rig.client.addDevice("disk", "rw");
  const started = rig.rtrs.clock.now();
  for (;;) {
    rig.answer(rig.next(), EPERM);
    assert.match(device.lastFailure!.reason, /open for writing/);
    if (device.nextTryAt === undefined) break;
    rig.rtrs.clock.advance(device.nextTryAt - rig.rtrs.clock.now());
  }
  const patienceMs = rig.rtrs.clock.now() - started;
  assert.ok(patienceMs >= OTHER_WRITER_PATIENCE_MS && patienceMs < OTHER_WRITER_PATIENCE_MS + 4000);
  rig.rtrs.clock.advance(4000);
  rig.assertQuiet();
  rig.client.retryDevice(device);
  rig.answer(rig.next(), EPERM);
  assert.ok(device.nextTryAt !== undefined, "a reason to try is a reason to wait again");
});

Deno.test("OPEN_RSP that makes no sense is a failure like any other", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const device = rig.client.addDevice("disk", "rw");
  rig.answerOpen(rig.next(), { logicalBlockBytes: 0 });
  assert.deepEqual([device.state, device.lastFailure!.errno], ["closed", 71]);
  rig.rtrs.clock.advance(1000);
  rig.answerOpen(rig.next());
  assert.equal(device.state, "open");
});

Deno.test("a server that refuses the greeting is disconnected and tried again", () => {
  const rig = new RnbdClientRig();
  rig.client.addDevice("disk", "rw");
  rig.rtrs.establish();
  rig.rtrs.service.posts.shift();
  rig.answer(rig.next(), 22);
  rig.assertQuiet();
  assert.ok(rig.rtrs.service.isClosing);
  rig.rtrs.settle();
  rig.rtrs.clock.advance(1000);
  rig.greet();
  rig.answerOpen(rig.next());
  assert.equal(rig.events.at(-1), "open disk");
});

Deno.test("when the session goes down its devices close; when it is back they have new ids", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const [a, b] = [rig.openDevice("a", 0), rig.openDevice("b", 1)];
  rig.disconnect();
  assert.deepEqual(rig.events.slice(3, 6), ["down", "closed a", "closed b"]);
  assert.deepEqual([a.state, b.state], ["closed", "closed"]);
  assert.ok(a.geometry !== undefined, "users still know the size");
  rig.rtrs.clock.advance(1000);
  rig.greet();
  rig.answerOpen(rig.next(), { deviceId: 5, sizeSectors: 4096 });
  rig.answerOpen(rig.next(), { deviceId: 4 });
  assert.deepEqual([a.deviceId, b.deviceId], [5, 4]);
  assert.equal(a.geometry.sizeBytes, 2 ** 21, "a new size is taken over");
  assert.deepEqual(rig.setDevices().slice(2), [[a.handle, 5], [b.handle, 4]]);
});

Deno.test("an OPEN in flight when the session goes down is sent anew, once", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const device = rig.client.addDevice("disk", "rw");
  rig.next();
  rig.disconnect();
  assert.equal(device.state, "closed");
  rig.rtrs.clock.advance(1000);
  rig.greet();
  rig.answerOpen(rig.next());
  rig.assertQuiet();
  assert.equal(device.state, "open");
});

Deno.test("a retry that is due while the session is down does not send", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  rig.client.addDevice("disk", "rw");
  rig.answer(rig.next(), EPERM);
  rig.disconnect();
  rig.rtrs.clock.advance(999);
  assert.equal(rig.rtrs.fabric.connects.length <= 1, true);
  rig.rtrs.clock.advance(1);
  rig.greet();
  rig.answerOpen(rig.next());
  rig.rtrs.clock.advance(10);
  rig.assertQuiet();
});

Deno.test("attempts to connect that fail are told to every device, with the time of the next", () => {
  const rig = new RnbdClientRig();
  const device = rig.client.addDevice("disk", "rw");
  rig.rtrs.reject(17);
  assert.deepEqual(rig.events, ["failed disk"]);
  assert.equal(device.lastFailure!.errno, 17);
  assert.equal(device.nextTryAt, rig.rtrs.session.nextTryAt);
});

Deno.test("unmap: users first, then CLOSE, then done; the device is forgotten", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const device = rig.openDevice("disk", 6);
  for (const reactor of rig.rtrs.reactors) reactor.answersAtOnce = false;
  let done = 0;
  rig.client.removeDevice(device, () => done++);
  rig.assertQuiet();
  for (const reactor of rig.rtrs.reactors) reactor.answer();
  const close = rig.next();
  assert.deepEqual([close.type, close.deviceId], ["CLOSE", 6]);
  assert.equal(done, 0);
  rig.answer(close);
  assert.equal(done, 1);
  assert.equal(rig.client.devices.size, 0);
});

Deno.test("unmap while the OPEN is on its way: its answer is followed by CLOSE", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const device = rig.client.addDevice("disk", "rw");
  const open = rig.next();
  let done = 0;
  rig.client.removeDevice(device, () => done++);
  rig.assertQuiet();
  rig.answerOpen(open, { deviceId: 9 });
  const close = rig.next();
  assert.deepEqual([close.type, close.deviceId], ["CLOSE", 9]);
  rig.answer(close);
  rig.assertQuiet();
  assert.equal(done, 1);
  assert.deepEqual(rig.events, ["up"], "it never was open for anybody");
  assert.equal(rig.client.devices.size, 0);
});

Deno.test("unmap while the reactors are told the id: CLOSE, once", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  for (const reactor of rig.rtrs.reactors) reactor.answersAtOnce = false;
  const device = rig.client.addDevice("disk", "rw");
  rig.answerOpen(rig.next(), { deviceId: 2 });
  let done = 0;
  rig.client.removeDevice(device, () => done++);
  for (const reactor of rig.rtrs.reactors) reactor.answer();
  const close = rig.next();
  assert.deepEqual([close.type, close.deviceId], ["CLOSE", 2]);
  rig.answer(close);
  rig.assertQuiet();
  assert.deepEqual([done, rig.events], [1, ["up"]]);
});

Deno.test("unmap of an OPEN that is refused, of a waiting retry, of a session that is down", () => {
  const refused = new RnbdClientRig();
  refused.greet();
  const device = refused.client.addDevice("disk", "rw");
  const open = refused.next();
  let done = 0;
  refused.client.removeDevice(device, () => done++);
  refused.answer(open, EPERM);
  refused.assertQuiet();
  assert.equal(done, 1, "there is nothing to close");

  const waiting = new RnbdClientRig();
  waiting.greet();
  const other = waiting.client.addDevice("disk", "rw");
  waiting.answer(waiting.next(), EPERM);
  waiting.client.removeDevice(other, () => done++);
  waiting.rtrs.clock.advance(4000);
  waiting.assertQuiet();
  assert.equal(done, 2);

  const down = new RnbdClientRig();
  down.greet();
  const third = down.openDevice("disk");
  down.disconnect();
  down.client.removeDevice(third, () => done++);
  assert.equal(done, 3);
  down.rtrs.clock.advance(1000);
  down.greet();
  down.assertQuiet();
});

Deno.test("a session that goes down during unmap ends the unmap, and nothing is opened anew", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const device = rig.openDevice("disk");
  let done = 0;
  rig.client.removeDevice(device, () => done++);
  assert.equal(rig.next().type, "CLOSE");
  rig.disconnect();
  assert.equal(done, 1);
  rig.rtrs.clock.advance(1000);
  rig.greet();
  rig.assertQuiet();
});

Deno.test("the same name can be mapped again at once: it is opened after the CLOSE", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const device = rig.openDevice("disk", 0);
  rig.client.removeDevice(device, () => {});
  const next = rig.client.addDevice("disk", "rw");
  const close = rig.next();
  assert.equal(close.type, "CLOSE");
  rig.assertQuiet();
  rig.answer(close);
  const open = rig.next();
  assert.equal(open.type, "OPEN");
  rig.answerOpen(open, { deviceId: 0 });
  assert.equal(next.state, "open");
  assert.notEqual(next.handle, device.handle);
});

Deno.test("closing the session ends every admin message, and nothing is left", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  rig.openDevice("a");
  for (const name of ["b", "c", "d"]) rig.client.addDevice(name, "rw");
  let done = 0;
  rig.rtrs.session.close(() => done++);
  rig.rtrs.settle();
  assert.equal(done, 1);
  rig.rtrs.assertEmpty();
});

Deno.test("the admin queue is bounded, and without a lane it fails at once", () => {
  const queue = new AdminQueue(() => undefined);
  const errnos: number[] = [];
  const message = { answerBytes: 0, build: () => 0, done: (errno: number) => errnos.push(errno) };
  queue.send(message);
  assert.deepEqual(errnos, [107]);
  const rig = new RnbdClientRig();
  rig.greet();
  for (let i = 0; i < ADMIN_QUEUE_MAX + 3; i++) rig.client.addDevice(`${i}`, "rw");
  const refused = rig.failures.filter((failure) => failure.errno === 105);
  assert.equal(refused.length, 1, "two are on their way, the queue holds its fill");
});

Deno.test("refresh: another OPEN of the open name, whose size reaches every reactor", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const device = rig.openDevice("disk", 3);
  const outcomes: (DeviceFailure | undefined)[] = [];
  rig.client.refreshDevice(device, (failure) => outcomes.push(failure));
  const request = rig.next();
  assert.equal(request.type, "OPEN");
  rig.answerOpen(request, { deviceId: 3, sizeSectors: 8192 });
  assert.ok(outcomes.length === 1 && outcomes[0] === undefined);
  assert.equal(device.geometry!.sizeBytes, 8192 * 512);
  for (const reactor of rig.rtrs.reactors) {
    assert.equal(reactor.of("setDevice").at(-1)!.geometry.sizeBytes, 8192 * 512);
  }
  assert.equal(rig.events.at(-1), `resized disk ${8192 * 512}`);
  rig.client.refreshDevice(device, (failure) => outcomes.push(failure));
  rig.answer(rig.next(), ENOMEM);
  assert.equal(outcomes[1]?.errno, ENOMEM);
  assert.equal(device.geometry!.sizeBytes, 8192 * 512, "a refusal changes nothing");
  assert.equal(device.state, "open");
});

Deno.test("reopen: closed at the server, then opened anew under another id", () => {
  const rig = new RnbdClientRig();
  rig.greet();
  const device = rig.openDevice("disk", 3);
  rig.client.reopenDevice(device);
  assert.equal(device.state, "closed");
  const close = rig.next();
  assert.deepEqual([close.type, close.deviceId], ["CLOSE", 3]);
  rig.assertQuiet();
  rig.answer(close);
  rig.answerOpen(rig.next(), { deviceId: 4 });
  assert.deepEqual([device.state, device.deviceId], ["open", 4]);
  assert.deepEqual(rig.events.slice(-3), ["open disk", "closed disk", "open disk"]);
});
