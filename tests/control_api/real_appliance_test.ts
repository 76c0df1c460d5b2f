/** One running appliance, server and client in one, asked for everything. */
import assert from "node:assert/strict";
import { startAppliance } from "../support/appliance.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { ApiChecker } from "./api_checker.ts";
import { EventReader } from "./events.ts";
import { ROUTES } from "../../src/appliance/control_api/routes.ts";
import { type Answer, freePort, send, sendJson } from "./http.ts";

const config = (directory: string, port: number, httpPort: number) => `
[node]
runtime_dir = "${directory}/run"
reactors = 1

[control]
read_only_socket = true
http = "127.0.0.1:${httpPort}"

[server]
listen = ["tcp:127.0.0.1"]
port = ${port}
dev_search_path = "${directory}"

[[server.export]]
device_path = "a"
backend = "memory"
size = "16M"

[[server.export]]
device_path = "b"
backend = "memory"
size = "16M"

[[session]]
sessname = "own"
paths = ["tcp:127.0.0.1"]
dest_port = ${port}

[[mapping]]
name = "disk"
sessname = "own"
device_path = "a"
expose = "nbd"
`;

/** In an order in which each finds what it needs: operation, names, query, body. */
const CALLS: readonly { operation: string; name?: string; query?: string; body?: unknown }[] = [
  { operation: "version" },
  { operation: "status" },
  { operation: "listMappings" },
  { operation: "showMapping", name: "disk" },
  { operation: "listSessions" },
  { operation: "showSession", name: "own" },
  { operation: "listExports" },
  { operation: "listClients" },
  { operation: "openapi" },
  { operation: "metrics" },
  { operation: "health" },
  { operation: "readiness" },
  { operation: "page" },
  { operation: "plan" },
  { operation: "apply", body: {} },
  {
    operation: "map",
    body: { sessname: "own", device_path: "b", name: "manual", expose: "nbd" },
  },
  { operation: "explain", name: "disk" },
  { operation: "exportConfig", query: "?name=manual" },
  { operation: "inflight" },
  { operation: "resize", name: "manual", body: {} },
  { operation: "remap", name: "manual", body: { force: true } },
  { operation: "verify", name: "manual", body: { destroy_data: true, bytes: 65_536 } },
  { operation: "bench", name: "manual", body: { runtime_ms: 100, iodepth: 2 } },
  { operation: "changeSession", name: "own", body: { max_reconnect_attempts: 5 } },
  { operation: "revalidate", body: {} },
  { operation: "closeExport", body: { device: "b", force: true } },
  { operation: "unmap", name: "manual", query: "?force=true" },
  { operation: "addPath", name: "own", body: { path: "tcp:127.0.0.2,tcp:127.0.0.1" } },
  { operation: "deletePath", name: "own", query: "?path=tcp:127.0.0.2,tcp:127.0.0.1" },
  { operation: "disconnectClient", name: "own", body: {} },
  { operation: "disconnectPath", name: "own", body: {} },
  { operation: "reconnectPath", name: "own", body: {} },
  { operation: "recover", body: {} },
];

Deno.test("a running appliance answers every request as the document says", async () => {
  await using directory = await temporaryDirectory();
  const [port, httpPort] = [freePort(), freePort()];
  const checker = new ApiChecker();
  await using appliance = await startAppliance({
    config: config(directory.path, port, httpPort),
    directory: directory.path,
    name: "appliance",
  });
  const events = await EventReader.open(httpPort, "/v1/events?after=0");
  const wrong: string[] = [];
  for (const { operation, name = "", query = "", body } of CALLS) {
    const one = ROUTES.find((route) => route.operation === operation)!;
    const address = one.path.replace("NAME", name) + query;
    const ask = (target: string | number): Promise<Answer> =>
      body === undefined
        ? send(target, one.method, address)
        : sendJson(target, one.method, address, body);
    const answer = await ask(appliance.controlSocket);
    checker.checkAnswer(one.method, one.path, answer);
    if (answer.status >= 300) wrong.push(`${operation}: ${answer.status} ${answer.text}`);
    if (operation === "disconnectPath") {
      const { status, text } = await send(httpPort, "GET", "/readyz");
      assert.equal(status, 503, "without its session the declared mapping is closed");
      assert.match(text, /^mapping disk: /m);
    }
    if (one.method === "GET") checker.checkAnswer("GET", one.path, await ask(httpPort));
  }
  const called = [...CALLS.map(({ operation }) => operation), "subscribe"];
  assert.deepEqual(called.sort(), ROUTES.map(({ operation }) => operation).sort());
  assert.ok(events.events.length > 0, "something happened");
  for (const event of events.events) assert.equal(checker.eventProblems(event), "");
  assert.deepEqual(wrong, []);
});
