/** Listening: the socket file, the negotiation over it, and its bounds. */
import assert from "node:assert/strict";
import { SystemError } from "../../src/ffi/errno.ts";
import { CONNECTIONS_MAX, NEGOTIATIONS_MAX } from "../../src/nbd/limits.ts";
import { COMMAND, INFO, OPTION, REPLY } from "../../src/nbd/protocol.ts";
import {
  closeListeningSocket,
  type ListeningSocket,
  listenOnPath,
  socketPath,
} from "../../src/nbd/socket_file.ts";
import { sleep, waitFor } from "../support/process.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { fakeDiskOptions } from "./harness/fake_disk.ts";
import { NbdServer } from "./harness/nbd_server.ts";
import { infoRequest, RawClient } from "./harness/raw_client.ts";

const isThere = (path: string) => {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
};

/** What a killed process leaves: a socket file that nobody listens on. */
function leaveDeadSocket(listening: ListeningSocket): void {
  const copy = `${listening.path}.kept`;
  Deno.linkSync(listening.path, copy);
  closeListeningSocket(listening);
  Deno.renameSync(copy, listening.path);
}

Deno.test("socketPath() names the socket after the mapping", () => {
  assert.equal(socketPath("/run/x", "a!b"), "/run/x/nbd/a!b.sock");
  for (const name of ["", "a/b", "a\0b"]) {
    assert.throws(() => socketPath("/run/x", name), RangeError);
  }
});

Deno.test("listenOnPath() makes a socket for its owner only, and removes it again", async () => {
  await using directory = await temporaryDirectory();
  const path = socketPath(directory.path, "disk");
  const listening = await listenOnPath(path, 0o600);
  assert.equal(Deno.lstatSync(path).mode! & 0o777, 0o600);
  closeListeningSocket(listening);
  assert.equal(isThere(path), false);
  const shared = await listenOnPath(path, 0o660);
  assert.equal(Deno.lstatSync(path).mode! & 0o777, 0o660);
  closeListeningSocket(shared);
});

Deno.test("listenOnPath() replaces a dead process's socket and refuses a living one's", async () => {
  await using directory = await temporaryDirectory();
  const path = socketPath(directory.path, "disk");
  const first = await listenOnPath(path, 0o600);
  await assert.rejects(
    () => listenOnPath(path, 0o600),
    (error) => error instanceof SystemError && /EADDRINUSE.*/.test(error.message),
  );
  leaveDeadSocket(first);
  assert.equal(isThere(path), true);
  const second = await listenOnPath(path, 0o600);
  using connection = await Deno.connect({ transport: "unix", path });
  assert.ok(connection);
  closeListeningSocket(second);
});

Deno.test("listenOnPath() touches nothing that is not a socket", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/file`;
  Deno.writeTextFileSync(path, "precious");
  await assert.rejects(() => listenOnPath(path, 0o600), /not a socket/);
  assert.equal(Deno.readTextFileSync(path), "precious");
});

Deno.test("closeListeningSocket() leaves the file of a successor alone", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/disk.sock`;
  const first = await listenOnPath(path, 0o600);
  Deno.removeSync(path);
  const second = await listenOnPath(path, 0o600);
  closeListeningSocket(first);
  assert.equal(isThere(path), true);
  closeListeningSocket(second);
});

Deno.test("listenOnPath() says what to do about a path that is too long", async () => {
  await using directory = await temporaryDirectory();
  const longest = `${directory.path}/`.padEnd(107, "x");
  closeListeningSocket(await listenOnPath(longest, 0o600));
  await assert.rejects(() => listenOnPath(longest + "x", 0o600), {
    name: "RangeError",
    message: /108 bytes.*107.*runtime_dir/,
  });
});

Deno.test("NbdListener serves LIST, INFO, GO and ABORT, and both names of the export", async () => {
  await using server = await NbdServer.start({ disk: fakeDiskOptions(), name: "Düsk" });
  using client = await RawClient.connect(server.path);
  await client.write(new Uint8Array([0, 0, 0, 3]));
  const list = await client.option(OPTION.LIST);
  assert.deepEqual(list.map(({ type }) => type), [REPLY.SERVER, REPLY.ACK]);
  const listed = new TextDecoder().decode(list[0]!.payload.subarray(4));
  assert.equal(listed, "Düsk" + "a disk of the tests");
  for (const name of ["", "Düsk"]) {
    const info = await client.option(OPTION.INFO, infoRequest(name, [INFO.NAME]));
    assert.equal(info.at(-1)!.type, REPLY.ACK);
  }
  const unknown = await client.option(OPTION.GO, infoRequest("other"));
  assert.deepEqual(unknown.map(({ type }) => type), [REPLY.ERR_UNKNOWN]);
  assert.deepEqual((await client.option(OPTION.ABORT)).map(({ type }) => type), [REPLY.ACK]);
  assert.ok(await client.isCut());
  assert.equal(server.listener.connections, 0);
});

Deno.test("NbdListener takes requests that come along with the last option", async () => {
  await using server = await NbdServer.start({ disk: fakeDiskOptions() });
  using client = await RawClient.connect(server.path, false);
  const request = new Uint8Array(28);
  request.set([0x25, 0x60, 0x95, 0x13]);
  request[7] = COMMAND.FLUSH;
  const option = new Uint8Array(16);
  option.set(new TextEncoder().encode("IHAVEOPT"));
  option[11] = OPTION.EXPORT_NAME;
  await client.write(new Uint8Array([0, 0, 0, 3, ...option, ...request]));
  await client.read(10);
  assert.deepEqual(
    (await client.read(16)).subarray(0, 8),
    new Uint8Array([0x67, 0x44, 0x66, 0x98, 0, 0, 0, 0]),
  );
});

Deno.test("NbdListener hangs up on rule breakers and counts them", async () => {
  await using server = await NbdServer.start({ disk: fakeDiskOptions() });
  const cases = [
    [[0, 0, 0, 4], "client_flags"],
    [[0, 0, 0, 3, ...new Array(16).fill(1)], "option_magic"],
  ] as const;
  for (const [bytes, counter] of cases) {
    using client = await RawClient.connect(server.path);
    await client.write(new Uint8Array(bytes));
    assert.ok(await client.isCut());
    assert.equal(server.counter(`nbd_negotiation_${counter}`), 1);
  }
  const gone = await RawClient.connect(server.path);
  await gone.write(new Uint8Array([0, 0]));
  gone.connection.close();
  await waitFor(() => server.counter("nbd_negotiation_lost") === 1, 2000, "the lost client");
});

Deno.test("NbdListener cuts off clients that do not get on with it", async () => {
  const timeout = { negotiationTimeoutMs: 300 };
  await using server = await NbdServer.start({ disk: fakeDiskOptions(), ...timeout });
  using silent = await RawClient.connect(server.path);
  using slow = await RawClient.connect(server.path);
  const started = Date.now();
  const drip = (async () => {
    try {
      for (const byte of [0, 0, 0, 3, ...new TextEncoder().encode("IHAVEOPT")]) {
        await slow.write(new Uint8Array([byte]));
        await sleep(60);
      }
    } catch {
      // Cut off meanwhile, as it should be.
    }
  })();
  assert.ok(await silent.isCut());
  assert.ok(await slow.isCut());
  assert.ok(Date.now() - started < 2000);
  await drip;
  assert.equal(server.counter("nbd_negotiation_timeout"), 2);
});

Deno.test("NbdListener bounds half-open negotiations; the others wait", async () => {
  const timeout = { negotiationTimeoutMs: 400 };
  await using server = await NbdServer.start({ disk: fakeDiskOptions(), ...timeout });
  const silent = await Promise.all(
    Array.from({ length: NEGOTIATIONS_MAX }, () => RawClient.connect(server.path)),
  );
  const started = Date.now();
  using client = await RawClient.open(server.path);
  assert.ok(Date.now() - started >= 200, "waited for a place");
  assert.equal((await client.call({ command: COMMAND.READ, length: 512 })).error, 0);
  for (const one of silent) one.connection.close();
});

Deno.test("NbdListener bounds connections and takes new ones when old ones end", async () => {
  await using server = await NbdServer.start({ disk: fakeDiskOptions() });
  const clients: RawClient[] = [];
  for (let i = 0; i < CONNECTIONS_MAX; i++) clients.push(await RawClient.open(server.path));
  await assert.rejects(() => RawClient.open(server.path));
  assert.equal(server.counter("nbd_refused_busy"), 1);
  clients.pop()!.connection.close();
  await waitFor(() => server.listener.connections < CONNECTIONS_MAX, 2000, "a free place");
  clients.push(await RawClient.open(server.path));
  assert.equal((await clients.at(-1)!.call({ command: COMMAND.READ, length: 512 })).error, 0);
  for (const client of clients) client.connection.close();
});

Deno.test("NbdListener.close() removes the socket and leaves established clients alone", async () => {
  await using server = await NbdServer.start({ disk: fakeDiskOptions() });
  using established = await RawClient.open(server.path);
  using halfOpen = await RawClient.connect(server.path);
  await server.listener.close();
  assert.ok(await halfOpen.isCut());
  assert.equal(isThere(server.path), false);
  assert.equal((await established.call({ command: COMMAND.READ, length: 512 })).error, 0);
  await server.listener.close();
});
