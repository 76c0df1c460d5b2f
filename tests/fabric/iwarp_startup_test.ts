/** MPA start-up: what both sides agree on, and peers that are silent, rude or gone. */
import assert from "node:assert/strict";
import { ERRNO, SystemError } from "../../src/ffi/errno.ts";
import type { ConnectOutcome } from "../../src/fabric/fabric.ts";
import { HALF_OPEN_MAX } from "../../src/fabric/iwarp/limits.ts";
import { concat, mpaFrame, REPLY_KEY, REQUEST_KEY, words } from "./iwarp_frames.ts";
import { connect, type End, IwarpRig, nextRequest, QUEUE_LIMITS, waitFor } from "./iwarp_rig.ts";
import { readBytes, writeBytes } from "./raw_peer.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

Deno.test("iwarp start-up: private data and addresses arrive on both sides", async () => {
  await using rig = new IwarpRig();
  const { listener, request } = nextRequest(rig.fabric());
  const connecting = connect(rig.fabric(), "127.0.0.1", listener.port, bytes(1, 2, 3));
  const seen = await request;
  assert.deepEqual(seen.privateData, bytes(1, 2, 3));
  assert.equal(seen.localAddress, "tcp:127.0.0.1");
  assert.equal(seen.remoteAddress, "tcp:127.0.0.1");
  const accepted = Promise.withResolvers<Parameters<Parameters<typeof seen.accept>[2]>[0]>();
  seen.accept(bytes(9, 8), QUEUE_LIMITS, accepted.resolve);
  const outcome = await connecting;
  if (outcome.kind !== "established") throw new Error(outcome.kind);
  assert.deepEqual(outcome.privateData, bytes(9, 8));
  assert.equal(outcome.ticket.localAddress, "tcp:127.0.0.1");
  const server = await accepted.promise;
  if (!("ticket" in server)) throw new Error(server.failure.reason);
  assert.equal(server.ticket.details["revision"], 2);
  assert.deepEqual(structuredClone(server.ticket), server.ticket);
  const used = rig.memory.usedBytes;
  for (const ticket of [server.ticket, outcome.ticket]) {
    rig.adopter.discard(ticket);
    rig.fabric().release(ticket);
  }
  assert.ok(rig.memory.usedBytes < used);
  listener.close();
});

Deno.test("iwarp start-up: CRCs are on when either side wants them", async () => {
  await using rig = new IwarpRig();
  for (const client of ["off", "on", "auto"] as const) {
    for (const server of ["off", "on", "auto"] as const) {
      const ends = await rig.pair(client, server);
      const wanted = client === "on" || server === "on" ? 1 : 0;
      assert.deepEqual(ends.map((end) => end.ticket.details["crc"]), [wanted, wanted]);
      await rig.close(...ends);
    }
  }
});

Deno.test("iwarp start-up: a rejection carries the server's private data", async () => {
  await using rig = new IwarpRig();
  const used = rig.memory.usedBytes;
  const { listener, request } = nextRequest(rig.fabric());
  const connecting = connect(rig.fabric(), "127.0.0.1", listener.port);
  (await request).reject(bytes(4, 5, 6));
  assert.deepEqual(await connecting, { kind: "rejected", privateData: bytes(4, 5, 6) });
  await waitFor(() => rig.memory.usedBytes === used, () => "the memory to come back");
  listener.close();
});

Deno.test("iwarp start-up: IPv6, and a listener on :: that takes IPv4 peers", async () => {
  await using rig = new IwarpRig();
  for (const [listen, destination] of [["::1", "::1"], ["::", "127.0.0.1"], ["::", "::1"]]) {
    const { promise, resolve } = Promise.withResolvers<End>();
    const listener = rig.serve(rig.fabric(), resolve, listen);
    const outcome = await connect(rig.fabric(), destination!, listener.port);
    if (outcome.kind !== "established") throw new Error(JSON.stringify(outcome));
    assert.equal(outcome.ticket.remoteAddress, `tcp:${destination}`);
    const server = await promise;
    assert.equal(server.ticket.remoteAddress, `tcp:${destination}`);
    listener.close();
    await rig.close(rig.adopt(outcome.ticket), server);
  }
});

Deno.test("iwarp start-up: the source address is the one that was asked for", async () => {
  await using rig = new IwarpRig();
  const { promise, resolve } = Promise.withResolvers<End>();
  const listener = rig.serve(rig.fabric(), resolve);
  const target = {
    destination: "127.0.0.1",
    port: listener.port,
    limits: QUEUE_LIMITS,
    timeoutMs: 5000,
  };
  const outcome = await new Promise<ConnectOutcome>((done) =>
    void rig.fabric().connect({ ...target, source: "127.0.0.9", privateData: bytes() }, done)
  );
  if (outcome.kind !== "established") throw new Error(JSON.stringify(outcome));
  const server = await promise;
  assert.equal(outcome.ticket.localAddress, "tcp:127.0.0.9");
  assert.equal(server.ticket.remoteAddress, "tcp:127.0.0.9");
  listener.close();
  await rig.close(rig.adopt(outcome.ticket), server);
});

Deno.test("iwarp start-up: listening twice on a port fails with the address in the error", async () => {
  await using rig = new IwarpRig();
  const listener = rig.fabric().listen("127.0.0.1", 0, () => {});
  assert.throws(() => rig.fabric().listen("127.0.0.1", listener.port, () => {}), (error) => {
    assert.ok(error instanceof SystemError);
    assert.equal(error.errno, ERRNO.EADDRINUSE);
    assert.match(error.message, new RegExp(`tcp:127\\.0\\.0\\.1 port ${listener.port}`));
    return true;
  });
  listener.close();
});

Deno.test("iwarp start-up: a closed listener refuses, and its port can be had again", async () => {
  await using rig = new IwarpRig();
  const listener = rig.fabric().listen("127.0.0.1", 0, () => {});
  listener.close();
  // The socket closes when its accept has ended; until then the backlog takes connections.
  let outcome = await connect(rig.fabric(), "127.0.0.1", listener.port);
  for (let tries = 0; tries < 100; tries++) {
    if (outcome.kind === "failed" && outcome.failure.errno === ERRNO.ECONNREFUSED) break;
    await new Promise((resolve) => setTimeout(resolve, 20));
    outcome = await connect(rig.fabric(), "127.0.0.1", listener.port);
  }
  if (outcome.kind !== "failed") throw new Error(outcome.kind);
  assert.equal(outcome.failure.errno, ERRNO.ECONNREFUSED);
  assert.match(outcome.failure.reason, new RegExp(`tcp:127\\.0\\.0\\.1 port ${listener.port}`));
  rig.fabric().listen("127.0.0.1", listener.port, () => {}).close();
});

/** What a raw peer may send instead of a request, and what is counted. */
const BAD_REQUESTS: readonly [string, Uint8Array, string][] = [
  ["garbage", new TextEncoder().encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "mpa_key"],
  ["a reply", mpaFrame(REPLY_KEY, 0, 1, bytes()), "mpa_key"],
  ["revision 9", mpaFrame(REQUEST_KEY, 0, 9, bytes()), "mpa_revision"],
  ["markers demanded", mpaFrame(REQUEST_KEY, 0x80, 1, bytes()), "mpa_markers"],
  ["oversize private data", mpaFrame(REQUEST_KEY, 0, 1, bytes(), 513), "mpa_private_data"],
  ["65,535 bytes of it", mpaFrame(REQUEST_KEY, 0, 1, bytes(), 65_535), "mpa_private_data"],
  ["half a header, then the end", mpaFrame(REQUEST_KEY, 0, 1, bytes()).slice(0, 10), "mpa_closed"],
  ["half the private data", mpaFrame(REQUEST_KEY, 0, 1, bytes(1, 2), 56), "mpa_closed"],
  ["nothing", bytes(), "mpa_closed"],
];

Deno.test("iwarp start-up: a bad request is cut off and counted, and others connect", async (t) => {
  await using rig = new IwarpRig();
  const ends: End[] = [];
  const listener = rig.serve(rig.fabric(), (end) => ends.push(end));
  const used = rig.memory.usedBytes;
  for (const [name, request, reason] of BAD_REQUESTS) {
    await t.step(name, async () => {
      const before = rig.counted()[reason] ?? 0;
      const peer = await Deno.connect({ hostname: "127.0.0.1", port: listener.port });
      await writeBytes(peer, request);
      if (reason === "mpa_closed") await peer.closeWrite();
      assert.equal((await readBytes(peer)).length, 0, "there is nothing to say to it");
      assert.equal(rig.counted()[reason], before + 1);
      assert.equal(rig.memory.usedBytes, used);
      peer.close();
    });
  }
  const outcome = await connect(rig.fabric(), "127.0.0.1", listener.port);
  if (outcome.kind !== "established") throw new Error(JSON.stringify(outcome));
  await waitFor(() => ends.length === 1, () => "the server's end");
  listener.close();
  await rig.close(rig.adopt(outcome.ticket), ...ends);
});

Deno.test("iwarp start-up: silent peers do not keep an honest one out", async () => {
  await using rig = new IwarpRig();
  const ends: End[] = [];
  const listener = rig.serve(rig.fabric(), (end) => ends.push(end));
  const silent: Deno.Conn[] = [];
  for (let i = 0; i < HALF_OPEN_MAX + 5; i++) {
    silent.push(await Deno.connect({ hostname: "127.0.0.1", port: listener.port }));
  }
  const outcome = await connect(rig.fabric(), "127.0.0.1", listener.port);
  if (outcome.kind !== "established") throw new Error(JSON.stringify(outcome));
  assert.ok(rig.counted()["mpa_evicted"]! >= 5);
  await waitFor(() => ends.length === 1, () => "the server's end");
  // The others are cut off when their time is up.
  assert.equal((await readBytes(silent.at(-1)!)).length, 0);
  assert.ok(rig.counted()["mpa_timeout"]! >= 1);
  listener.close();
  for (const peer of silent) peer.close();
  await rig.close(rig.adopt(outcome.ticket), ...ends);
});

/** Connects to a raw server that answers with `reply`, or with nothing. */
async function connectToRaw(
  rig: IwarpRig,
  reply: Uint8Array | "silence" | "close",
): Promise<ConnectOutcome> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = listener.accept();
  const connecting = connect(rig.fabric(), "127.0.0.1", listener.addr.port, bytes(7), 300);
  using peer = await accepted;
  const request = await readBytes(peer, 25);
  const wanted = mpaFrame(REQUEST_KEY, 0x10, 2, concat(words(0), bytes(7)));
  assert.deepEqual(request, wanted);
  if (reply instanceof Uint8Array) await writeBytes(peer, reply);
  if (reply !== "silence") peer.closeWrite();
  return await connecting;
}

Deno.test("iwarp start-up: what a server can answer", async (t) => {
  await using rig = new IwarpRig();
  const used = rig.memory.usedBytes;
  const cases: [string, Uint8Array | "silence" | "close", number][] = [
    ["silence", "silence", ERRNO.ETIMEDOUT],
    ["close", "close", ERRNO.ECONNRESET],
    ["garbage", new TextEncoder().encode("220 smtp.example.org ESMTP"), ERRNO.EPROTO],
    ["revision 0", mpaFrame(REPLY_KEY, 0, 0, bytes()), ERRNO.EPROTONOSUPPORT],
    ["markers", mpaFrame(REPLY_KEY, 0x80, 1, bytes()), ERRNO.EPROTONOSUPPORT],
    ["too much private data", mpaFrame(REPLY_KEY, 0, 1, bytes(), 600), ERRNO.EMSGSIZE],
    ["half a reply", mpaFrame(REPLY_KEY, 0, 1, bytes(1), 2), ERRNO.ECONNRESET],
  ];
  for (const [name, reply, errno] of cases) {
    await t.step(name, async () => {
      const outcome = await connectToRaw(rig, reply);
      if (outcome.kind !== "failed") throw new Error(outcome.kind);
      assert.equal(outcome.failure.errno, errno);
      assert.equal(rig.memory.usedBytes, used);
    });
  }
  await t.step("a reply of revision 1 with CRCs", async () => {
    const outcome = await connectToRaw(rig, mpaFrame(REPLY_KEY, 0x40, 1, bytes(3)));
    if (outcome.kind !== "established") throw new Error(JSON.stringify(outcome));
    assert.deepEqual(outcome.privateData, bytes(3));
    assert.deepEqual([outcome.ticket.details["crc"], outcome.ticket.details["revision"]], [1, 1]);
    rig.adopter.discard(outcome.ticket);
    rig.fabric().release(outcome.ticket);
  });
});

Deno.test("iwarp start-up: a cancelled attempt says nothing and leaves nothing", async () => {
  await using rig = new IwarpRig();
  const used = rig.memory.usedBytes;
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const target = { source: undefined, destination: "127.0.0.1", port: listener.addr.port };
  const outcomes: ConnectOutcome[] = [];
  for (const delayMs of [0, 30]) {
    const attempt = rig.fabric().connect(
      { ...target, privateData: bytes(), limits: QUEUE_LIMITS, timeoutMs: 5000 },
      (outcome) => outcomes.push(outcome),
    );
    // Without the wait it is called off before there is a socket.
    const peer = delayMs > 0 ? await listener.accept() : undefined;
    if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
    attempt.cancel();
    await waitFor(() => rig.memory.usedBytes === used, () => "the memory to come back");
    peer?.close();
  }
  assert.deepEqual(outcomes, []);
});
