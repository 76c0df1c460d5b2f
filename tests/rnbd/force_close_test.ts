/** A server that takes devices away from clients: what the clients see, and that ids stay safe. */
import assert from "node:assert/strict";
import type { ServerDevice } from "../../src/rnbd/server/server.ts";
import type { AdminClient } from "./harness/server_rig.ts";
import { RnbdServerRig } from "./harness/server_rig.ts";

const [RO, RW] = [0, 1] as const;
const EPERM = 1;

function deviceOf(rig: RnbdServerRig, client: AdminClient, id: number): ServerDevice {
  return rig.server.devices.get(client.session)![id]!;
}

/** Takes device `id` of `client` away; returns a function that tells whether that has ended. */
function forceClose(rig: RnbdServerRig, client: AdminClient, id: number): () => boolean {
  let isDone = false;
  rig.server.forceClose(client.session, deviceOf(rig, client, id), () => isDone = true);
  return () => isDone;
}

const answerAll = (rig: RnbdServerRig) => rig.rtrs.reactors.forEach((reactor) => reactor.answer());

/** A client that has "disk" open, at a server whose reactors answer only when they are told to. */
function rigWithDisk(): { readonly rig: RnbdServerRig; readonly client: AdminClient } {
  const rig = new RnbdServerRig(false);
  const client = rig.client();
  client.sendOpen("disk");
  answerAll(rig);
  client.openAnswer();
  return { rig, client };
}

Deno.test("a device that is taken away: the reactors finish it, then the disk is closed", () => {
  const { rig, client } = rigWithDisk();
  const isDone = forceClose(rig, client, 0);
  rig.rtrs.reactors[0]!.answer();
  assert.deepEqual([isDone(), rig.closedTickets.length], [false, 0], "a request still runs");
  rig.rtrs.reactors[1]!.answer();
  assert.deepEqual([isDone(), rig.closedTickets.length], [true, 1]);
  for (const reactor of rig.rtrs.reactors) {
    assert.deepEqual(reactor.of("closeDevice").map(({ deviceId }) => deviceId), [0]);
  }
  assert.deepEqual(rig.server.forceClosed(client.session), ["disk"]);
});

Deno.test("the id of a device that was taken away names nothing else until the client's CLOSE", () => {
  const rig = new RnbdServerRig();
  const client = rig.client();
  assert.deepEqual(["a", "b"].map((name) => client.open(name, RO)), [0, 1]);
  forceClose(rig, client, 0);
  assert.equal(client.open("c", RO), 2, "0 is not given to another device");
  assert.equal(client.open("a", RO), 3, "the same name again is a device of its own");
  assert.equal(client.close(0), 0);
  assert.deepEqual(rig.closedTickets, [rig.openedTickets[0]], "CLOSE of 0 has closed nothing");
  assert.deepEqual(rig.server.forceClosed(client.session), []);
  assert.equal(client.open("d", RO), 0, "now 0 is free");
});

Deno.test("a CLOSE that comes while the device is taken away waits for that, and frees the id", () => {
  const { rig, client } = rigWithDisk();
  const isDone = forceClose(rig, client, 0);
  client.sendClose(0);
  assert.equal(client.service.posts.length, 0);
  answerAll(rig);
  assert.deepEqual([isDone(), client.answer().errno], [true, 0]);
  client.sendOpen("other");
  answerAll(rig);
  assert.equal(client.openAnswer(), 0);
});

Deno.test("a device that its client is closing already is taken away with that", () => {
  const { rig, client } = rigWithDisk();
  client.sendClose(0);
  const isDone = forceClose(rig, client, 0);
  answerAll(rig);
  assert.deepEqual([isDone(), client.answer().errno], [true, 0]);
  assert.equal(rig.closedTickets.length, 1);
  assert.deepEqual(rig.server.forceClosed(client.session), []);
});

Deno.test("to take away twice, or what is gone, does nothing more", () => {
  const rig = new RnbdServerRig();
  const client = rig.client();
  client.open("disk");
  const device = deviceOf(rig, client, 0);
  const ends: number[] = [];
  for (let i = 0; i < 3; i++) rig.server.forceClose(client.session, device, () => ends.push(i));
  assert.deepEqual([ends, rig.closedTickets.length], [[0, 1, 2], 1]);
});

Deno.test("an OPEN that waits for the end of a device that is taken away gets a new id", () => {
  const { rig, client } = rigWithDisk();
  forceClose(rig, client, 0);
  client.sendOpen("disk");
  answerAll(rig);
  answerAll(rig);
  assert.equal(client.openAnswer(), 1);
});

Deno.test("what a client lost no longer counts as a writer, other clients are untouched", () => {
  const rig = new RnbdServerRig();
  const [a, b] = [rig.client(), rig.client()];
  assert.equal(a.open("disk", RW), 0);
  assert.equal(b.open("disk", RO), 0);
  assert.equal(b.open("other", RW), 1);
  assert.equal(b.open("disk2", RO), 2);
  assert.equal(rig.client().open("disk", RW), -EPERM);
  rig.closedTickets.length = 0;
  forceClose(rig, a, 0);
  assert.deepEqual(rig.closedTickets, [rig.openedTickets[0]]);
  assert.equal(rig.client().open("disk", RW), 0);
  assert.deepEqual(
    rig.server.devices.get(b.session)!.map((device) => device?.mappingPath),
    ["disk", "other", "disk2"],
  );
});

Deno.test("a session that ends takes its reserved ids along", () => {
  const rig = new RnbdServerRig();
  const client = rig.client();
  client.open("disk");
  forceClose(rig, client, 0);
  client.service.break();
  rig.rtrs.adopter.settle();
  assert.deepEqual(rig.server.forceClosed(client.session), []);
  rig.rtrs.assertEmpty();
});

Deno.test("a session that ends while its device is taken away: closed once, everything is freed", () => {
  const { rig, client } = rigWithDisk();
  const isDone = forceClose(rig, client, 0);
  client.service.break();
  rig.rtrs.adopter.settle();
  for (let i = 0; i < 4; i++) answerAll(rig);
  assert.deepEqual([isDone(), rig.closedTickets.length], [true, 1]);
  rig.rtrs.assertEmpty();
});

Deno.test("revalidate: reactors learn another size once, OPEN tells it, nothing else changes", () => {
  const rig = new RnbdServerRig();
  const client = rig.client();
  client.open("disk", RO);
  client.open("other", RO);
  const device = deviceOf(rig, client, 0);
  const before = device.ticket.geometry.sizeBytes;
  let ends = 0;
  const revalidate = () => rig.server.revalidate(client.session, device, () => ends++);
  revalidate();
  rig.sizes.set("disk", before * 4);
  revalidate();
  revalidate();
  assert.deepEqual([ends, device.ticket.geometry.sizeBytes], [3, before * 4]);
  for (const reactor of rig.rtrs.reactors) {
    assert.deepEqual(reactor.of("refreshDevice").map(({ deviceId }) => deviceId), [0]);
  }
  client.open("disk", RO);
  assert.equal(client.lastOpen!.sizeSectors * 512, before * 4);
  assert.deepEqual(rig.log.slice(-1), ["resized disk"]);
});
