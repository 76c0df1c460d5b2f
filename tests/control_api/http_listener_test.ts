/** The address of `[control] http`: browsers, strangers, and what they must not be able to do. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { ApplianceError } from "../../src/appliance/appliance_api.ts";
import { CONNECTIONS_MAX, REQUESTS_MAX } from "../../src/appliance/control_api/limits.ts";
import { waitFor } from "../support/process.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { freePort, send, startApi, withApi } from "./http.ts";

Deno.test("only names of this machine are answered on a loopback address", () => {
  const port = freePort();
  return withApi(async () => {
    const status = async (host: string) =>
      (await send(port, "GET", "/v1/status", undefined, { host })).status;
    const good = ["localhost", "LocalHost", "127.0.0.1", "[::1]"];
    for (const host of good.flatMap((name) => [name, `${name}:${port}`, `${name}:8080`])) {
      assert.equal(await status(host), 200, host);
    }
    const bad = [
      "evil.example",
      `evil.example:${port}`,
      "localhost.evil.example",
      "127.0.0.1.evil.example",
      "evil.example:80:localhost",
      "127.0.0.2",
      "::1",
      `localhost:${port}x`,
      "localhost:1:2",
    ];
    for (const host of bad) {
      const answer = await send(port, "GET", "/v1/status", undefined, { host });
      assert.equal(answer.status, 403, host);
      assert.match(JSON.parse(answer.text).error.message, /^The header host names/);
    }
  }, { http: `127.0.0.1:${port}` });
});

Deno.test("on an address for others any name is answered", () => {
  const port = freePort();
  return withApi(async () => {
    const headers = { host: "store-1.example:9942" };
    assert.equal((await send(port, "GET", "/healthz", undefined, headers)).status, 200);
  }, { http: `0.0.0.0:${port}` });
});

Deno.test("answers cannot be kept, sniffed, framed or read by other origins", () => {
  const port = freePort();
  return withApi(async () => {
    for (const path of ["/v1/status", "/metrics", "/healthz", "/", "/none"]) {
      const headers = { origin: "http://evil.example" };
      const answer = await send(port, "GET", path, undefined, headers);
      assert.equal(answer.headers["cache-control"], "no-store", path);
      assert.equal(answer.headers["x-content-type-options"], "nosniff", path);
      assert.match(String(answer.headers["content-security-policy"]), /default-src 'none'/, path);
      assert.equal(answer.headers["cross-origin-resource-policy"], "same-origin", path);
      const cors = Object.keys(answer.headers).filter((name) => name.startsWith("access-control"));
      assert.deepEqual(cors, [], path);
    }
  }, { http: `127.0.0.1:${port}` });
});

Deno.test("a port that is taken keeps the appliance from starting, and leaves nothing", async () => {
  await using directory = await temporaryDirectory();
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const http = `127.0.0.1:${listener.addr.port}`;
  await assert.rejects(
    startApi(directory.path, { http, readOnlySocket: true }),
    (error) =>
      error instanceof ApplianceError && error.exitCode === 69 &&
      error.errnoName === "EADDRINUSE" &&
      error.message.startsWith(`Cannot listen on ${http} of [control] http: `) &&
      error.message.endsWith("another program has the port: end it, or choose another one"),
  );
  assert.deepEqual([...Deno.readDirSync(`${directory.path}/run`)], []);
  const next = await startApi(directory.path);
  await next.stop();
});

Deno.test("an address that this machine does not have is named", async () => {
  await using directory = await temporaryDirectory();
  const start = startApi(directory.path, { http: "192.0.2.1:9942" });
  await assert.rejects(start, /Cannot listen on 192\.0\.2\.1:9942 .*this machine has no such/);
});

Deno.test("IPv6 works", () => {
  const port = freePort();
  return withApi(async () => {
    const response = await fetch(`http://[::1]:${port}/healthz`);
    assert.equal(await response.text(), "ok\n");
  }, { http: `[::1]:${port}` });
});

/** Opens connections that say nothing. */
function openIdle(port: number, count: number): Socket[] {
  return Array.from({ length: count }, () => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => {});
    return socket;
  });
}

Deno.test("the control socket answers while the port is full of idle connections", () => {
  const port = freePort();
  return withApi(async ({ socket }) => {
    const sockets = openIdle(port, CONNECTIONS_MAX + 50);
    let closed = 0;
    for (const one of sockets) one.resume().on("close", () => closed++);
    await waitFor(() => closed === 50, 5000, "the connections that are too many to be closed");
    assert.equal((await send(socket, "GET", "/v1/status")).status, 200);
    await assert.rejects(send(port, "GET", "/v1/status"), "full");
    for (const one of sockets) one.destroy();
    const answers = async () =>
      await send(port, "GET", "/v1/status").then(({ status }) => status === 200, () => false);
    await waitFor(answers, 5000, "the port to answer again");
  }, { http: `127.0.0.1:${port}` });
});

Deno.test("the control socket answers while the port has as many requests as it may have", () => {
  const port = freePort();
  return withApi(async ({ socket }, appliance) => {
    const gate = Promise.withResolvers<void>();
    appliance.gate = gate.promise;
    const hanging = Array.from({ length: REQUESTS_MAX }, () => send(port, "GET", "/v1/plan"));
    await waitFor(() => appliance.calls.length === REQUESTS_MAX, 5000, "the requests");
    assert.equal((await send(port, "GET", "/v1/status")).status, 503);
    assert.equal((await send(socket, "GET", "/v1/status")).status, 200);
    gate.resolve();
    for (const { status } of await Promise.all(hanging)) assert.equal(status, 200);
  }, { http: `127.0.0.1:${port}` });
});

Deno.test("garbage, endless headers and half requests end with their connection", () => {
  const port = freePort();
  return withApi(async ({ socket }) => {
    const exchange = (bytes: string) =>
      new Promise<string>((resolve) => {
        const client = connect(port, "127.0.0.1");
        let text = "";
        client.on("data", (chunk) => text += chunk);
        client.on("error", () => {});
        client.on("close", () => resolve(text));
        client.write(bytes);
      });
    assert.match(await exchange("\x16\x03\x01\x02\x00 TLS\r\n\r\n"), /^HTTP\/1\.1 400 /);
    assert.match(await exchange(`GET / HTTP/1.1\r\nx: ${"y".repeat(100_000)}`), /^HTTP\/1\.1 431 /);
    assert.match(await exchange("GET / HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /, "no host");
    assert.match(await exchange("GET / HTTP/1.0\r\n\r\n"), /^HTTP\/1\.\d 403 /, "no host");
    const empty = "GET / HTTP/1.1\r\nhost:\r\nconnection: close\r\n\r\n";
    assert.match(await exchange(empty), /^HTTP\/1\.1 403 /, "an empty host");
    const two = "GET / HTTP/1.1\r\nhost: localhost\r\nhost: evil\r\nconnection: close\r\n\r\n";
    assert.match(await exchange(two), /^HTTP\/1\.1 [24]00 /, "two hosts");
    await exchange("CONNECT evil.example:80 HTTP/1.1\r\nhost: localhost\r\n\r\n");
    const half = connect(port, "127.0.0.1");
    half.on("error", () => {});
    half.write("GET /v1/status HTTP/1.1\r\nho");
    half.end();
    assert.equal((await send(port, "GET", "/healthz")).status, 200);
    assert.equal((await send(socket, "GET", "/healthz")).status, 200);
    half.destroy();
  }, { http: `127.0.0.1:${port}` });
});
