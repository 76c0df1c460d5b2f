/** The RNBD server's control half: SESS_INFO, OPEN, CLOSE, sharing, device ids. */
import assert from "node:assert/strict";
import { decodeOpenResponse } from "../../src/rnbd/codec.ts";
import { AdminClient, RnbdServerRig } from "./harness/server_rig.ts";
import { vector } from "../vectors/vectors.ts";

const EPERM = 1;
const ENOENT = 2;
const EINVAL = 22;
const EROFS = 30;
const [RO, RW, MIGRATION] = [0, 1, 2] as const;

const put = (bytes: Uint8Array) => (view: DataView, at: number) =>
  bytes.forEach((byte, i) => view.setUint8(at + i, byte));

Deno.test("SESS_INFO is answered with the vector, whatever else its message holds", () => {
  const client = new RnbdServerRig().client();
  const request = vector("sess_info_req").slice(0, 36);
  for (const version of [2, 0, 9]) {
    request[4] = version;
    request.fill(0xee, 5);
    client.send(36, 36, put(request));
    assert.deepEqual(client.answer(), { errno: 0, data: vector("sess_info_rsp") });
  }
});

Deno.test("OPEN is answered with the disk's geometry and the server's limits", () => {
  const rig = new RnbdServerRig();
  const client = rig.client();
  client.sendOpen("disk");
  const { data } = client.answer();
  assert.deepEqual(decodeOpenResponse(new DataView(data.buffer), 0), {
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
    secureDiscard: 1,
    cachePolicy: 3,
  });
  for (const reactor of rig.rtrs.reactors) {
    assert.deepEqual(reactor.of("openDevice").map(({ deviceId }) => deviceId), [0]);
  }
  assert.deepEqual(rig.log, ["client 0 up", "opened disk"]);
});

Deno.test("OPEN is answered only when every reactor knows the device", () => {
  const rig = new RnbdServerRig(false);
  const client = rig.client();
  client.sendOpen("disk");
  rig.rtrs.reactors[0]!.answer();
  assert.equal(client.service.posts.length, 0);
  rig.rtrs.reactors[1]!.answer();
  assert.equal(client.openAnswer(), 0);
});

Deno.test("sharing: each pair of modes, in both orders", () => {
  const allowed: [0 | 1 | 2, 0 | 1 | 2, boolean][] = [
    [RO, RO, true],
    [RO, RW, true],
    [RO, MIGRATION, true],
    [RW, RO, true],
    [RW, RW, false],
    [RW, MIGRATION, true],
    [MIGRATION, RO, true],
    [MIGRATION, RW, false],
    [MIGRATION, MIGRATION, true],
  ];
  for (const [first, second, isAllowed] of allowed) {
    const rig = new RnbdServerRig();
    assert.equal(rig.client().open("disk", first), 0);
    assert.equal(rig.client().open("disk", second), isAllowed ? 0 : -EPERM, `${first}, ${second}`);
    assert.equal(rig.closedTickets.length, isAllowed ? 0 : 1, "what was refused is closed again");
  }
});

Deno.test("sharing: two writers at most, counted per disk, and given back on CLOSE and disconnect", () => {
  const rig = new RnbdServerRig();
  const [a, b, c] = [rig.client(), rig.client(), rig.client()];
  assert.equal(a.open("disk", RW), 0);
  assert.equal(b.open("disk", MIGRATION), 0);
  assert.equal(c.open("disk", MIGRATION), -EPERM);
  assert.equal(c.open("other", RW), 0);
  assert.equal(a.close(0), 0);
  assert.equal(c.open("disk", MIGRATION), 1);
  b.service.break();
  rig.rtrs.adopter.settle();
  assert.equal(a.open("disk", RW), -EPERM);
  assert.equal(c.close(1), 0);
  assert.equal(a.open("disk", RW), 0);
});

Deno.test("sharing counts the disk behind the names", () => {
  const rig = new RnbdServerRig();
  rig.identities.set("link", "disk");
  assert.equal(rig.client().open("disk", RW), 0);
  assert.equal(rig.client().open("link", RW), -EPERM);
});

Deno.test("OPEN of an open name is the same device, whatever the mode", () => {
  const rig = new RnbdServerRig();
  const client = rig.client();
  assert.equal(client.open("a", RW), 0);
  assert.equal(client.open("b", RO), 1);
  assert.equal(client.open("a", RO), 0);
  assert.equal(client.open("b", RW), 1);
  assert.equal(rig.openedTickets.length, 2);
});

Deno.test("ids: the lowest free one of the session, other sessions have their own", () => {
  const rig = new RnbdServerRig();
  const client = rig.client();
  assert.deepEqual(["a", "b", "c"].map((name) => client.open(name, RO)), [0, 1, 2]);
  assert.equal(client.close(1), 0);
  assert.equal(client.close(0), 0);
  assert.equal(client.open("d", RO), 0);
  assert.equal(client.open("e", RO), 1);
  assert.equal(client.open("f", RO), 3);
  assert.equal(rig.client().open("a", RO), 0);
});

Deno.test("CLOSE twice and of an id that never was is fine, and closes nothing else", () => {
  const rig = new RnbdServerRig();
  const client = rig.client();
  client.open("a");
  client.open("b");
  for (const id of [0, 0, 7, 0xffff_ffff]) assert.equal(client.close(id), 0);
  assert.deepEqual(rig.closedTickets, [rig.openedTickets[0]]);
  assert.equal(client.open("b"), 1);
});

Deno.test("CLOSE is answered when the reactors are through; a second one waits as well", () => {
  const rig = new RnbdServerRig(false);
  const client = rig.client();
  client.sendOpen("a");
  for (const reactor of rig.rtrs.reactors) reactor.answer();
  client.openAnswer();
  client.sendClose(0);
  client.sendClose(0);
  rig.rtrs.reactors[0]!.answer();
  assert.deepEqual([client.service.posts.length, rig.closedTickets.length], [0, 0]);
  rig.rtrs.reactors[1]!.answer();
  assert.deepEqual([client.service.posts.length, rig.closedTickets.length], [2, 1]);
  for (const reactor of rig.rtrs.reactors) assert.equal(reactor.of("closeDevice").length, 1);
});

Deno.test("OPEN of a name that is being closed waits and gets a device of its own", () => {
  const rig = new RnbdServerRig(false);
  const client = rig.client();
  const answerAll = () => rig.rtrs.reactors.forEach((reactor) => reactor.answer());
  client.sendOpen("a");
  answerAll();
  client.openAnswer();
  client.sendClose(0);
  client.sendOpen("a");
  assert.equal(client.service.posts.length, 0);
  answerAll();
  answerAll();
  assert.equal(client.openAnswer(), 0);
  assert.equal(client.answer().errno, 0);
  assert.deepEqual([rig.openedTickets.length, rig.closedTickets.length], [2, 1]);
  assert.deepEqual(rig.log.slice(1), ["opened a", "closed a", "opened a"]);
});

Deno.test("an open that fails is told with its errno, and leaves no device", () => {
  const rig = new RnbdServerRig();
  const client = rig.client();
  rig.failure = { errno: ENOENT, reason: "no such file" };
  assert.equal(client.open("gone"), -ENOENT);
  rig.failure = undefined;
  assert.equal(client.open("there"), 0);
  assert.deepEqual(rig.log.slice(1), ["refused gone 2", "opened there"]);
});

Deno.test("a disk that cannot be written is not opened for writing", () => {
  const rig = new RnbdServerRig();
  rig.geometry = { readOnly: true };
  const client = rig.client();
  assert.equal(client.open("disk", RW), -EROFS);
  assert.equal(client.open("disk", RO), 0);
  assert.equal(rig.rtrs.reactors[0]!.of("openDevice")[0]!.readOnly, true);
});

const wrongMessages: [string, number, number, Uint8Array][] = [
  ["SESS_INFO without room for the answer", 36, 0, vector("sess_info_req").slice(0, 36)],
  ["SESS_INFO with too little room", 36, 35, vector("sess_info_req").slice(0, 36)],
  ["OPEN without room for the answer", 264, 0, vector("open_req").slice(0, 264)],
  ["OPEN with room for one byte less", 264, 55, vector("open_req").slice(0, 264)],
  ["OPEN with room for one byte more", 264, 57, vector("open_req").slice(0, 264)],
  ["OPEN that is one byte short", 263, 56, vector("open_req").slice(0, 263)],
  ["OPEN with mode 3", 264, 56, vector("open_req").slice(0, 264).fill(3, 4, 5)],
  ["OPEN whose name has no end", 264, 56, vector("open_req").slice(0, 264).fill(65, 6)],
  ["CLOSE that is one byte short", 7, 0, vector("close_req").slice(0, 7)],
  ["IO on the service connection", 32, 0, vector("write_hdr").slice(0, 32)],
  ["an answer instead of a request", 56, 56, vector("open_rsp")],
  ["a type that does not exist", 8, 0, new Uint8Array(8).fill(9, 0, 1)],
];
for (const [what, userLength, room, bytes] of wrongMessages) {
  Deno.test(`${what} gets EINVAL, and the client stays`, () => {
    const rig = new RnbdServerRig();
    const client = rig.client();
    client.send(userLength, room, put(bytes));
    assert.deepEqual(client.answer(), { errno: EINVAL, data: new Uint8Array() });
    assert.deepEqual(rig.openedTickets, []);
    assert.equal(client.open("disk"), 0);
  });
}

Deno.test("CLOSE that asks for data gets none: no memory but the chunk ever goes out", () => {
  const rig = new RnbdServerRig();
  const client = rig.client();
  client.open("disk");
  for (const room of [56, 4096, 8192]) {
    client.send(8, room, put(vector("close_req").slice(0, 8)));
    assert.deepEqual(client.answer(), { errno: EINVAL, data: new Uint8Array() });
  }
  assert.deepEqual(rig.closedTickets, []);
});

Deno.test("the answers carry nothing of what the chunk held before", () => {
  const rig = new RnbdServerRig();
  const client = rig.client();
  client.sendOpen("disk");
  const { data } = client.answer();
  assert.ok(data.subarray(46).every((byte) => byte === 0));
  assert.deepEqual([...data.subarray(2, 4), data[44]], [0, 0, 0]);
});

Deno.test("a session that ends closes all its devices before its chunks are freed", () => {
  const rig = new RnbdServerRig(false);
  const client = rig.client();
  const answerAll = () => rig.rtrs.reactors.forEach((reactor) => reactor.answer());
  for (const name of ["a", "b"]) {
    client.sendOpen(name);
    answerAll();
    client.openAnswer();
  }
  client.sendClose(1);
  client.service.break();
  rig.rtrs.adopter.settle();
  for (let i = 0; i < 4; i++) answerAll();
  assert.deepEqual(new Set(rig.closedTickets), new Set(rig.openedTickets));
  assert.equal(rig.closedTickets.length, 2);
  assert.equal(rig.log.at(-1), "client 0 down");
  for (const reactor of rig.rtrs.reactors) {
    const kinds = reactor.commands.map((command) => command.kind);
    assert.ok(kinds.lastIndexOf("closeDevice") < kinds.indexOf("destroyServer"));
  }
  rig.rtrs.assertEmpty();
});

Deno.test("a client that goes away while its disk is opened: the disk is closed again", () => {
  const rig = new RnbdServerRig();
  rig.opensAtOnce = false;
  const client: AdminClient = rig.client();
  client.sendOpen("slow");
  client.service.break();
  rig.rtrs.adopter.settle();
  assert.equal(rig.rtrs.server.sessions.size, 1, "the chunk is in use");
  rig.endOpen(rig.opens[0]!);
  assert.deepEqual(rig.closedTickets, rig.openedTickets);
  assert.deepEqual(rig.closedTickets.length, 1);
  rig.rtrs.assertEmpty();
});

Deno.test("two clients that open one disk at the same time: one gets it for writing", () => {
  const rig = new RnbdServerRig();
  rig.opensAtOnce = false;
  const [a, b] = [rig.client(), rig.client()];
  a.sendOpen("disk", RW);
  b.sendOpen("disk", RW);
  for (const pending of rig.opens.splice(0).reverse()) rig.endOpen(pending);
  assert.equal(b.openAnswer(), 0);
  assert.equal(a.openAnswer(), -EPERM);
});

Deno.test("OPEN of an open name tells the disk's size of now, once the reactors know it", () => {
  const rig = new RnbdServerRig();
  const client = rig.client();
  client.open("disk", RW);
  const first = client.lastOpen!;
  rig.sizes.set("disk", first.sizeSectors * 512 * 2);
  assert.equal(client.open("disk", RW), 0);
  assert.equal(client.lastOpen!.sizeSectors, first.sizeSectors * 2);
  for (const reactor of rig.rtrs.reactors) assert.equal(reactor.of("refreshDevice").length, 1);
  assert.equal(rig.log.at(-1), "resized disk");
  assert.equal(client.open("disk", RW), 0);
  assert.equal(rig.rtrs.reactors[0]!.of("refreshDevice").length, 1, "nothing changed since");
});
