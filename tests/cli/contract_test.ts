/** Command lines, the real control API, and behind it an appliance that remembers its calls. */
import assert from "node:assert/strict";
import type { Status } from "../../src/appliance/appliance_api.ts";
import { loadConfig } from "../../src/appliance/config/load_config.ts";
import type { FakeAppliance } from "../control_api/fake_appliance.ts";
import { withApi } from "../control_api/http.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { capture } from "./capture.ts";
import { HOSTILE, HOSTILE_STATUS } from "./hostile_status.ts";

/** `[command line, calls]` */
const CALLS: readonly [readonly string[], readonly unknown[][]][] = [
  [["plan"], [["plan"]]],
  [["apply", "--timeout", "2m"], [["apply", { timeout_ms: 120_000 }]]],
  [["export-config", "a b", HOSTILE], [["exportConfig", ["a b", HOSTILE]]]],
  [["export-config"], [["exportConfig", []]]],
  [["path", "add", "backup", "tcp:::1"], [["addPath", { sessname: "backup", path: "tcp:::1" }]]],
  [["del", "backup", "tcp:::1,tcp:::2"], [[
    "deletePath",
    { sessname: "backup", path: "tcp:::1,tcp:::2" },
  ]]],
  [["readd", "b c", "tcp:::1"], [
    ["deletePath", { sessname: "b c", path: "tcp:::1" }],
    ["addPath", { sessname: "b c", path: "tcp:::1" }],
  ]],
  [["set", "é%", "mpath_policy=ml", "max_reconnect_attempts=7"], [[
    "changeSession",
    { sessname: "é%", mpath_policy: "min-latency", max_reconnect_attempts: 7 },
  ]]],
  [["recover", "a", "b"], [["recover", { names: ["a", "b"] }]]],
  [["close", "/srv/a b", "s", "force"], [[
    "closeExport",
    { device: "/srv/a b", sessname: "s", force: true },
  ]]],
  [["close", "d"], [["closeExport", { device: "d", force: false }]]],
  [["revalidate"], [["revalidate", undefined]]],
  [["revalidate", "/srv/d"], [["revalidate", "/srv/d"]]],
  [["server", "disconnect", "store-2"], [["disconnectClient", { sessname: "store-2" }]]],
  [["explain", "a/b c"], [["explain", "a/b c"]]],
  [["inflight", "--limit", "7"], [["inflight", 7]]],
  [["events", "--after", "0", "--count", "1"], [["subscribe", 0]]],
  [["unmap", "a\"b'c", "-f"], [["unmap", "a\"b'c", true]]],
  [["map", "d", "from", "new", "tcp:::1", "--dest-port", "99"], [["map", {
    sessname: "new",
    device_path: "d",
    paths: ["tcp:::1"],
    dest_port: 99,
  }]]],
];

const prepare = (appliance: FakeAppliance): void => {
  appliance.current = HOSTILE_STATUS;
  appliance.history.add({ time: "2026-01-01T00:00:00Z", level: "info", event: "x", fields: {} });
};

for (const [words, calls] of CALLS) {
  Deno.test(`the API understands: ${JSON.stringify(words.join(" "))}`, () =>
    withApi(async (api, appliance) => {
      prepare(appliance);
      const { code, err } = await capture([...words, "--socket", api.socket]);
      assert.ok(code === 0 || (words[0] === "plan" && code === 2) || code === 75, err);
      assert.deepEqual(appliance.calls, calls);
    }));
}

Deno.test("metrics come as they are", () =>
  withApi(async (api, appliance) => {
    const { code, out } = await capture(["metrics", "--socket", api.socket]);
    assert.deepEqual([code, out], [0, appliance.metrics()]);
  }));

Deno.test("a stream of events goes on, and ends with its reader", () =>
  withApi(async (api, appliance) => {
    const following = capture(["events", "--count", "3", "-o", "json", "--socket", api.socket]);
    while (appliance.subscribers === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    for (const event of ["a", "b", "c", "d"]) {
      appliance.history.add({ time: "t", level: "warn", event, fields: { name: HOSTILE } });
    }
    const { code, out } = await following;
    const events = out.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual([code, events.map(({ event }) => event)], [0, ["a", "b", "c"]]);
    assert.equal(events[0].fields.name, HOSTILE);
  }));

Deno.test("errors of config files come one a line, with 78, and nothing is said twice", () =>
  withApi(async (api, appliance) => {
    await using directory = await temporaryDirectory();
    const file = `${directory.path}/c.toml`;
    Deno.writeTextFileSync(file, "[node]\nreactors = 0\nnam = 1\n");
    try {
      loadConfig(file);
    } catch (error) {
      appliance.failure = error as Error;
    }
    const { code, out, err } = await capture(["plan", "--socket", api.socket]);
    assert.deepEqual([code, out], [78, ""]);
    assert.equal(err.match(/c\.toml:2:12: node\.reactors: /g)?.length, 1, err);
    assert.equal(err.match(/c\.toml:3:1: node\.nam: /g)?.length, 1, err);
    assert.ok(err.trimEnd().split("\n").every((line) => line.startsWith(file)), err);
    assert.equal(err.trimEnd().split("\n").length, 2, err);
  }));

Deno.test("a config that is stale shows in the status until it is mended", () =>
  withApi(async (api, appliance) => {
    appliance.current = HOSTILE_STATUS;
    const stale = await capture(["status", "--socket", api.socket]);
    assert.match(
      stale.out,
      /: stale since 2026-01-02T03:04:05\.000Z, because\n {2}\/etc\/rnbd\.toml:3/,
    );
    const mended = { ...HOSTILE_STATUS.config, state: "current", stale_because: [] } as const;
    appliance.current = { ...HOSTILE_STATUS, config: mended } satisfies Status;
    const current = await capture(["status", "--socket", api.socket]);
    assert.match(current.out, /: current, 1 step pending\n {2}- remove mapping /);
  }));
