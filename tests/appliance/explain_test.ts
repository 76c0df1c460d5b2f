/** Why something is as it is: what people are told about each kind of thing in each state. */
import assert from "node:assert/strict";
import { ApplianceError, type ApplianceEvent } from "../../src/appliance/appliance_api.ts";
import { explain } from "../../src/appliance/explain/explain.ts";
import type { MappingStatus, Status } from "../../src/appliance/status.ts";
import { explainOpenErrno } from "../../src/rnbd/client/device.ts";
import {
  CLIENT,
  EXPORT,
  MAPPING,
  PATH,
  REFUSAL,
  SESSION,
  statusOf,
  STEP,
} from "./status_samples.ts";

const factsOf = (name: string, status: Status, key: string, events: ApplianceEvent[] = []) =>
  explain(name, status, events).facts.filter((fact) => fact.key === key).map(({ value }) => value);

const REFUSED = "tcp:192.0.2.1: connecting failed: ECONNREFUSED (Connection refused)";
const DOWN_PATH = {
  ...PATH,
  state: "disconnected",
  last_error: REFUSED,
  last_errno: "ECONNREFUSED",
} as const;

const closed = (error: string | null, errno: string | null): MappingStatus => ({
  ...MAPPING,
  state: "closed",
  last_error: error,
  last_errno: errno,
  next_try_ms: 1500,
});

Deno.test("a mapping that is open: nothing is wrong, and what it is", () => {
  const status = statusOf({ mappings: [MAPPING], sessions: [SESSION] });
  const { cause, advice, state, summary } = explain("scratch", status, []);
  assert.deepEqual([cause, advice, state], [null, [], "open"]);
  assert.equal(
    summary,
    "scratch is open: disk0.img of session backup is /run/x/nbd/scratch.sock",
  );
  assert.equal(explain("/run/x/nbd/scratch.sock", status, []).name, "scratch");
});

Deno.test("a mapping whose server is away: where, the port, the next try, the last error as it is", () => {
  const session = { ...SESSION, state: "disconnected", paths: [DOWN_PATH] } as const;
  const status = statusOf({
    mappings: [closed(REFUSED, "ECONNREFUSED")],
    sessions: [session],
  });
  const found = explain("scratch", status, []);
  assert.match(found.cause!, /^Nothing listens at tcp:192\.0\.2\.1 port 1234/);
  assert.match(found.summary, /the next try is in 1\.5 s$/);
  assert.deepEqual([found.last_error, found.next_try_ms], [REFUSED, 1500]);
  assert.ok(found.advice.some((line) => line.includes("`rnbd-appliance recover scratch`")));
  assert.match(factsOf("scratch", status, "path")[0]!, /is disconnected: .*ECONNREFUSED/);
});

Deno.test("a refused OPEN is told from a failed connection with the same errno", () => {
  const sessions = [SESSION];
  const open = explainOpenErrno(1, "disk0.img", "rw");
  const refused = statusOf({ mappings: [closed(open, "EPERM")], sessions });
  assert.match(explain("scratch", refused, []).cause!, /^Another client has disk0\.img open/);
  const away = { ...SESSION, state: "disconnected" } as const;
  const lost = statusOf({ mappings: [closed("x: EPERM", "EPERM")], sessions: [away] });
  assert.match(explain("scratch", lost, []).cause!, /firewall/);
  const exposed = statusOf({ mappings: [closed("bind: EPERM", "EPERM")], sessions });
  assert.match(explain("scratch", exposed, []).cause!, /folder of its NBD sockets/);
});

Deno.test("a writer on this same node is named", () => {
  const status = statusOf({
    mappings: [closed(explainOpenErrno(1, "disk0.img", "rw"), "EPERM")],
    sessions: [SESSION],
    exports: [EXPORT],
  });
  assert.deepEqual(factsOf("scratch", status, "open_here"), ["/srv/disk0.img by store-1 (rw)"]);
});

Deno.test("a mapping that its server took away stays closed until a person maps it anew", () => {
  const error = "the server has taken disk0.img away from this client";
  const mapping = { ...closed(error, "ENOTCONN"), next_try_ms: null };
  const found = explain("scratch", statusOf({ mappings: [mapping], sessions: [SESSION] }), []);
  assert.match(found.cause!, /^Somebody took disk0\.img away/);
  assert.match(found.summary, /it is not tried again by itself$/);
  assert.ok(found.advice.includes("open it again: `rnbd-appliance remap scratch`"));
});

Deno.test("a mapping whose session was disconnected by hand", () => {
  const session = { ...SESSION, state: "disconnected" } as const;
  const status = statusOf({
    mappings: [closed("disconnected on request", null)],
    sessions: [session],
  });
  const found = explain("scratch", status, []);
  assert.match(found.cause!, /disconnected by hand/);
  assert.deepEqual(found.advice, ["connect them: `rnbd-appliance reconnect backup`"]);
});

Deno.test("a mapping: what is pending, since when it fails, how often it was tried", () => {
  const step = { ...STEP, action: "remove", name: "scratch", waits_for: "fio (pid 7)" } as const;
  const mapping = closed(REFUSED, "ECONNREFUSED");
  const status = statusOf({ mappings: [mapping], sessions: [SESSION] }, [step]);
  const event = (id: number, event: string, name = "scratch"): ApplianceEvent => ({
    id,
    time: `2026-01-01T00:00:0${id}.000Z`,
    level: "info",
    event,
    fields: { name },
  });
  const events = [
    event(1, "mapping failed"),
    event(2, "mapping open"),
    event(3, "mapping closed"),
    event(4, "mapping failed", "another"),
    event(5, "mapping failed"),
    event(6, "mapping failed"),
  ];
  assert.deepEqual(factsOf("scratch", status, "since", events), ["2026-01-01T00:00:03.000Z"]);
  assert.deepEqual(factsOf("scratch", status, "failed_tries", events), ["2"]);
  assert.deepEqual(factsOf("scratch", status, "pending", events), [
    "remove mapping scratch: declared, and not mapped; waits for fio (pid 7)",
  ]);
});

Deno.test("what the config declares and is not there yet", () => {
  const step = {
    ...STEP,
    reason: "declared, and unmapped by hand",
    waits_for: "apply, or the next start: it was unmapped by hand",
    next_try_ms: null,
  };
  const found = explain("new", statusOf({}, [step]), []);
  assert.deepEqual([found.kind, found.state], ["mapping", "missing"]);
  assert.match(found.cause!, /unmapped by hand; it waits for apply/);
  assert.ok(found.advice.length > 0);
});

Deno.test("a session: connected, with one path of two, and down", () => {
  const up = explain("backup", statusOf({ sessions: [SESSION] }), []);
  assert.deepEqual([up.state, up.cause, up.advice], ["connected", null, []]);
  const half = { ...SESSION, paths: [PATH, DOWN_PATH] };
  const found = explain("backup", statusOf({ sessions: [half] }), []);
  assert.equal(found.summary, "backup is connected: 1 of its 2 paths is connected");
  assert.match(found.cause!, /Nothing listens.* The other paths carry the requests\.$/);
  const down = { ...SESSION, state: "disconnected", paths: [DOWN_PATH] } as const;
  const mappings = [{ ...closed(REFUSED, "ECONNREFUSED"), next_try_ms: 700 }];
  const status = statusOf({ sessions: [down], mappings });
  assert.equal(explain("backup", status, []).next_try_ms, 700);
  assert.equal(explain("backup", status, []).last_error, REFUSED);
});

Deno.test("a session that has used up its tries says so first", () => {
  const session = {
    ...SESSION,
    state: "disconnected",
    max_reconnect_attempts: 3,
    paths: [{ ...DOWN_PATH, last_errno: null }],
  } as const;
  const { advice, cause } = explain("backup", statusOf({ sessions: [session] }), []);
  assert.match(cause!, /^Nothing listens/, "the errno is taken from the words");
  assert.match(advice[0]!, /used up its tries: `rnbd-appliance reconnect backup`/);
});

Deno.test("an export: who writes, who reads", () => {
  const reader = { ...EXPORT.clients[0]!, sessname: "store-2", access_mode: "ro" } as const;
  const status = statusOf({ exports: [{ ...EXPORT, clients: [...EXPORT.clients, reader] }] });
  const found = explain("/srv/disk0.img", status, []);
  assert.equal(
    found.summary,
    "/srv/disk0.img is open: store-1 (rw) writes; 1 client reads",
  );
  assert.equal(found.cause, null);
  assert.equal(explain("disk0.img", status, []).name, "/srv/disk0.img");
});

Deno.test("an export with a second writer: a migration, and who should let go", () => {
  const second = { ...EXPORT.clients[0]!, sessname: "store-2", access_mode: "migration" } as const;
  const status = statusOf({ exports: [{ ...EXPORT, clients: [...EXPORT.clients, second] }] });
  const { cause, advice } = explain("/srv/disk0.img", status, []);
  assert.match(cause!, /^A migration is under way: store-1 \(rw\) and store-2 \(migration\)/);
  assert.match(advice[1]!, /`rnbd-appliance close \/srv\/disk0\.img store-1 --force`/);
});

Deno.test("an export that the rules do not allow any more", () => {
  const client = { ...EXPORT.clients[0]!, is_allowed: false };
  const status = statusOf({ exports: [{ ...EXPORT, clients: [client] }] });
  assert.match(explain("/srv/disk0.img", status, []).cause!, /do not allow it to store-1 \(rw\)/);
});

Deno.test("an export that nobody has open, and who was refused", () => {
  const rule = {
    device_path: "vm-*",
    sessname: "*",
    access_mode: "rw",
    backend: "path",
    size_bytes: 0,
  } as const;
  const status = statusOf({ export_rules: [rule], refusals: [REFUSAL] });
  assert.match(explain("vm-*", status, []).summary, /exported to every client .* nobody has it/);
  const refused = explain("disk0.img", status, []);
  assert.deepEqual([refused.state, refused.last_error], ["refused", REFUSAL.reason]);
  assert.match(refused.facts[0]!.value, /^store-2 disk0\.img: another client .*3 times/);
});

Deno.test("a client: connected, with something taken away, and one that was refused", () => {
  const status = statusOf({ clients: [CLIENT], exports: [EXPORT], refusals: [REFUSAL] });
  const up = explain("store-1", status, []);
  assert.deepEqual([up.state, up.cause], ["connected", null]);
  assert.deepEqual(factsOf("store-1", status, "device"), ["/srv/disk0.img (rw)"]);
  const taken = statusOf({ clients: [{ ...CLIENT, force_closed: ["disk0.img"] }] });
  assert.match(explain("store-1", taken, []).cause!, /^disk0\.img was taken away/);
  const gone = explain("store-2", status, []);
  assert.deepEqual([gone.kind, gone.state], ["client", "refused"]);
});

Deno.test("the config: as it is, with steps missing, and stale", () => {
  assert.equal(explain("config", statusOf({}), []).cause, null);
  const pending = statusOf({}, [STEP, { ...STEP, last_error: "no", next_try_ms: 100 }]);
  const missing = explain("config", pending, []);
  assert.match(missing.summary, /^2 steps are missing/);
  assert.deepEqual([missing.last_error, missing.next_try_ms], ["no", 100]);
  const { config } = statusOf({});
  const stale = explain(
    "config",
    statusOf({
      config: { ...config, state: "stale", stale_since: "T", stale_because: ["a.toml:1:2: x"] },
    }),
    [],
  );
  assert.deepEqual([stale.state, stale.last_error], ["stale", "a.toml:1:2: x"]);
  assert.ok(stale.advice[0]!.includes("`rnbd-appliance check --config /etc/rnbd.toml`"));
});

Deno.test("a name that several things have: the first kind, or the one that is said", () => {
  const status = statusOf({
    mappings: [{ ...MAPPING, name: "x" }],
    sessions: [{ ...SESSION, sessname: "x" }],
    clients: [{ ...CLIENT, sessname: "x" }],
  });
  assert.equal(explain("x", status, []).kind, "mapping");
  for (const kind of ["mapping", "session", "client"]) {
    assert.equal(explain(`${kind} x`, status, []).kind, kind);
  }
});

Deno.test("a name that nothing has: the nearest one, or all", () => {
  const status = statusOf({ mappings: [MAPPING] });
  const failure = (name: string) => {
    try {
      explain(name, status, []);
    } catch (error) {
      assert.ok(error instanceof ApplianceError);
      return [error.errnoName, error.message];
    }
    throw new Error("found");
  };
  assert.deepEqual(failure("scrtch"), [
    "ENOENT",
    "Nothing is called scrtch; did you mean scratch?",
  ]);
  assert.deepEqual(failure("q"), ["ENOENT", "Nothing is called q; there are: scratch, config"]);
});
