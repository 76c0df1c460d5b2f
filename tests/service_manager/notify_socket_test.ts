/** What goes over NOTIFY_SOCKET, and what happens when it does not. */
import assert from "node:assert/strict";
import fc from "fast-check";
import {
  notifyAddress,
  NotifySocket,
  notifyText,
  type SendDatagram,
} from "../../src/appliance/service_manager/notify_socket.ts";
import { SEND_RETRIES_MAX } from "../../src/appliance/service_manager/limits.ts";
import { ERRNO, SystemError } from "../../src/ffi/errno.ts";
import { close, sendDatagram, socket } from "../../src/ffi/libc.ts";
import { sleep, waitFor } from "../support/process.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { type Message, NotifyReceiver, parseMessage } from "./notify_receiver.ts";
import { QuietLog } from "./quiet_log.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Sends to a receiver until it has no room. @returns how many messages it has */
function fill(name: string): number {
  const address = notifyAddress(name);
  const bytes = new TextEncoder().encode("FILL=1");
  let count = 0;
  // A sender has a bound of its own; the receiver is full when a new one gets nothing through.
  for (;;) {
    const fd = socket(1, 2, 0);
    let sent = 0;
    try {
      for (;; sent++) sendDatagram(fd, bytes, address, name);
    } catch (error) {
      assert.equal((error as SystemError).errno, ERRNO.EAGAIN);
    } finally {
      close(fd);
    }
    count += sent;
    if (sent === 0) return count;
  }
}

Deno.test("an address is a path with its NUL, or NUL and an abstract name", () => {
  assert.deepEqual([...notifyAddress("/a")], [1, 0, 0x2f, 0x61, 0]);
  assert.deepEqual([...notifyAddress("@a")], [1, 0, 0, 0x61]);
  assert.equal(notifyAddress(`/${"x".repeat(106)}`).length, 110);
  assert.equal(notifyAddress(`@${"x".repeat(107)}`).length, 110);
  for (const bad of ["a", "vsock:2:1234", "@", `/${"x".repeat(107)}`, `@${"x".repeat(108)}`]) {
    assert.throws(() => notifyAddress(bad), RangeError, bad);
  }
});

Deno.test("messages reach a socket of a path, and one of an abstract name", async () => {
  await using directory = await temporaryDirectory();
  for (const name of [`${directory.path}/notify`, `@rnbd-test-${crypto.randomUUID()}`]) {
    using receiver = new NotifyReceiver(name);
    using quiet = new QuietLog();
    const socket = NotifySocket.open(name)!;
    socket.send({ READY: 1, STATUS: "a\nb\u0000c ü" });
    socket.send({ STOPPING: 1 });
    assert.deepEqual(receiver.messages, [{ READY: "1", STATUS: "a b c ü" }, { STOPPING: "1" }]);
    assert.deepEqual(quiet.events, []);
  }
});

Deno.test("whatever a value holds, a message is lines NAME=value", () => {
  const units = fc.array(fc.oneof(fc.nat(0xffff), fc.nat(0x20)), { maxLength: 60 });
  fc.assert(fc.property(units.map((all) => String.fromCharCode(...all)), (value) => {
    const bytes = new TextEncoder().encode(notifyText({ STATUS: value, READY: 1 }));
    const message: Message = parseMessage(bytes);
    assert.deepEqual(Object.keys(message), ["STATUS", "READY"]);
  }));
});

Deno.test("the receiver's grammar notices what is no message", () => {
  const bad = ["READY", "ready=1", "READY=1\nREADY=1", "STATUS=a\nb", "STATUS=a\tb", "=1", ""];
  for (const one of bad) {
    assert.throws(() => parseMessage(new TextEncoder().encode(one)), assert.AssertionError, one);
  }
});

Deno.test("no socket: nothing is opened; a bad one: a warning, and nothing is told", () => {
  using quiet = new QuietLog();
  assert.equal(NotifySocket.open(undefined), undefined);
  assert.equal(NotifySocket.open(""), undefined);
  assert.deepEqual(quiet.events, []);
  assert.equal(NotifySocket.open("relative"), undefined);
  assert.deepEqual(quiet.events, ["warn service manager cannot be told"]);
  assert.match(String(quiet.entries[0]!.fields.reason), /neither an absolute path/);
});

Deno.test("a receiver that is gone is told of once, and heard again when it is back", async () => {
  await using directory = await temporaryDirectory();
  using quiet = new QuietLog();
  const name = `${directory.path}/notify`;
  const socket = NotifySocket.open(name)!;
  socket.send({ READY: 1 });
  socket.send({ STATUS: "x" });
  assert.deepEqual(quiet.events, ["warn service manager cannot be told"]);
  assert.match(String(quiet.entries[0]!.fields.reason), /ENOENT/);
  {
    using receiver = new NotifyReceiver(name);
    socket.send({ STATUS: "y" });
    assert.deepEqual(receiver.messages, [{ STATUS: "y" }]);
  }
  socket.send({ STATUS: "z" });
  assert.equal(quiet.events.length, 2);
  assert.match(String(quiet.entries[1]!.fields.reason), /ECONNREFUSED/);
});

Deno.test("a real receiver that is full takes everything later, in order", async () => {
  await using directory = await temporaryDirectory();
  using receiver = new NotifyReceiver(`${directory.path}/notify`);
  using quiet = new QuietLog();
  const others = fill(receiver.name);
  const socket = NotifySocket.open(receiver.name)!;
  for (let i = 0; i < 40; i++) socket.send({ STATUS: i });
  const ours = () => receiver.messages.filter(({ STATUS }) => STATUS !== undefined);
  await waitFor(() => ours().length >= 40, 5_000, "40 messages");
  assert.deepEqual(ours(), Array.from({ length: 40 }, (_, i) => ({ STATUS: String(i) })));
  assert.equal(receiver.messages.length, others + 40);
  assert.ok(receiver.messages.slice(0, others).every(({ FILL }) => FILL === "1"));
  assert.deepEqual(quiet.events, []);
});

Deno.test("what cannot be sent now is tried again, in order, and at last given up", async () => {
  using quiet = new QuietLog();
  const sent: string[] = [];
  let fullFor = 3;
  const sendNow: SendDatagram = (bytes) => {
    if (fullFor-- > 0) throw new SystemError(ERRNO.EAGAIN, "sendto", "x");
    sent.push(text(bytes));
  };
  const socket = new NotifySocket("x", sendNow);
  for (const n of [1, 2, 3]) socket.send({ STATUS: n });
  assert.deepEqual(sent, []);
  await waitFor(() => sent.length === 3, 2_000, "three messages");
  assert.deepEqual(sent, ["STATUS=1", "STATUS=2", "STATUS=3"]);
  assert.deepEqual(quiet.events, []);
  fullFor = SEND_RETRIES_MAX + 1;
  for (const n of [4, 5]) socket.send({ STATUS: n });
  await waitFor(() => sent.length === 4, 5_000, "the message after the one that was given up");
  assert.deepEqual(sent.at(-1), "STATUS=5");
  assert.deepEqual(quiet.events, ["warn service manager cannot be told"]);
});

Deno.test("nothing piles up while the receiver is full", async () => {
  using quiet = new QuietLog();
  let isFull = true;
  let sent = 0;
  const socket = new NotifySocket("x", () => {
    if (isFull) throw new SystemError(ERRNO.ENOBUFS, "sendto", "x");
    sent++;
  });
  for (let i = 0; i < 1_000; i++) socket.send({ STATUS: i });
  isFull = false;
  await waitFor(() => sent > 0, 2_000, "messages");
  await sleep(50);
  assert.ok(sent <= 64, `${sent} messages`);
  assert.deepEqual(quiet.events, []);
});
