/** The plan, case by case: what is, what should be, and the steps between them in words. */
import assert from "node:assert/strict";
import { parseConfig } from "../../src/appliance/config/load_config.ts";
import type { Config, MappingConfig } from "../../src/appliance/config/config.ts";
import {
  type Actual,
  type ActualMapping,
  leftoverUse,
  mappingUse,
  type Users,
} from "../../src/appliance/reconcile/actual.ts";
import type { Desired } from "../../src/appliance/reconcile/desired.ts";
import { makePlan } from "../../src/appliance/reconcile/plan.ts";
import type { Step } from "../../src/appliance/reconcile/step.ts";

const NODE = `[node]
name = "here"
runtime_dir = "/run/here"
reactors = 2
`;
const SESSION = `[[session]]
sessname = "s"
paths = ["tcp:10.0.0.1"]
`;
const OTHER = SESSION.replace('"s"', '"t"');
const mapping = (name: string, more = "") =>
  `[[mapping]]\nname = "${name}"\nsessname = "s"\ndevice_path = "dev-${name}"\n${more}\n`;

const config = (...parts: string[]): Config => parseConfig([NODE, ...parts].join("\n"), null);

function wanted(declared: Config, more: Partial<Desired> = {}): Desired {
  return {
    config: declared,
    manual: [],
    heldMappings: new Set(),
    heldSessionKeys: new Map(),
    ...more,
  };
}

/** A node that is as a config says. */
function nodeLike(like: Config, more: Partial<Actual> = {}): Actual {
  const { node, control, server } = like;
  return {
    running: { node, control, server, autoExpose: "nbd" },
    mappings: like.mappings.map((one) => open(one)),
    leaving: [],
    sessions: like.sessions
      .filter(({ sessname }) => like.mappings.some((one) => one.sessname === sessname))
      .map((one) => ({ config: one, origin: "config", hasLivePaths: true })),
    exports: like.server?.exports.map((rule) => ({ config: rule, holders: [] })) ?? [],
    leftovers: [],
    ...more,
  };
}

const open = (one: MappingConfig, more: Partial<ActualMapping> = {}): ActualMapping => ({
  config: one,
  origin: "config",
  exposedAs: one.expose === "ublk" ? "ublk" : "nbd",
  state: "open",
  failure: undefined,
  ...more,
});

const nobody = (...names: string[]): Users => new Map(names.map((name) => [mappingUse(name), []]));

/** `(…)` when it cannot be done yet. */
function line({ action, kind, name, changes, isReady, waitsFor }: Step): string {
  const what = changes.map(({ key, from, to }) => `${key} ${from} -> ${to}`).join(", ");
  const wait = waitsFor === null ? "" : ` [${waitsFor}]`;
  const text = `${action} ${kind} ${name}${what === "" ? "" : `: ${what}`}${wait}`;
  return isReady ? text : `(${text})`;
}

function assertPlan(from: Actual, to: Desired, users: Users, expected: readonly string[]): Step[] {
  const steps = makePlan(to, from, users);
  assert.deepEqual(steps.map(line), expected);
  return steps;
}

const ONE = config(SESSION, mapping("a"));

Deno.test("as it should be: nothing to do", () => {
  assertPlan(nodeLike(ONE), wanted(ONE), new Map(), []);
});

Deno.test("from nothing: sessions that are needed first, then their mappings", () => {
  const to = config(SESSION, OTHER, mapping("a"), mapping("b"));
  assertPlan(nodeLike(config()), wanted(to), new Map(), [
    "add session s",
    "(add mapping a)",
    "(add mapping b)",
  ]);
});

Deno.test("to nothing: mappings whose users are not known wait, then their session goes", () => {
  const [removal, session] = assertPlan(nodeLike(ONE), wanted(config()), new Map(), [
    "(remove mapping a)",
    "(remove session s)",
  ]);
  assert.deepEqual(removal!.asks, [mappingUse("a")]);
  assert.equal(session!.reason, "no mapping uses it");
  assertPlan(nodeLike(ONE), wanted(config()), nobody("a"), [
    "remove mapping a",
    "(remove session s)",
  ]);
  const used: Users = new Map([[mappingUse("a"), ["process 7 (fio)"]]]);
  const wait = "[a is in use: process 7 (fio)]";
  assertPlan(nodeLike(ONE), wanted(config()), used, [
    `remove mapping a ${wait}`,
    `(remove session s ${wait})`,
  ]);
});

Deno.test("force is what the file says; when it says nothing any more, what it said last", () => {
  const forced = config(SESSION, mapping("a", 'on_remove = "force"'));
  const [removal] = assertPlan(nodeLike(forced), wanted(config()), new Map(), [
    "remove mapping a",
    "(remove session s)",
  ]);
  assert.deepEqual(removal!.work, { kind: "unmap", name: "a", force: true });
  assert.deepEqual(removal!.asks, []);
  const to = config(SESSION, mapping("a", 'access_mode = "ro"\non_remove = "force"'));
  const [remake] = assertPlan(nodeLike(ONE), wanted(to), new Map(), [
    "remake mapping a: access_mode rw -> ro, on_remove wait -> force",
  ]);
  assert.deepEqual(remake!.work, { kind: "unmap", name: "a", force: true });
});

Deno.test("changes: online where possible, anew where not, and the plan says which", () => {
  const cases: readonly [string, string, readonly string[]][] = [
    ["", 'on_remove = "force"', ["change mapping a: on_remove wait -> force"]],
    ["", 'expose = "nbd"', ["change mapping a: expose auto -> nbd"]],
    ["", 'expose = "ublk"', ["remake mapping a: expose auto -> ublk"]],
    ["", 'access_mode = "migration"', ["remake mapping a: access_mode rw -> migration"]],
  ];
  for (const [before, after, expected] of cases) {
    const from = nodeLike(config(SESSION, mapping("a", before)));
    assertPlan(from, wanted(config(SESSION, mapping("a", after))), nobody("a"), expected);
  }
  const spelt = config(SESSION, mapping("a").replace("dev-a", "/dev-a"));
  assertPlan(nodeLike(ONE), wanted(spelt), nobody("a"), [
    "change mapping a: device_path dev-a -> /dev-a",
  ]);
});

Deno.test("sessions: settings change online, port and carrier do not", () => {
  const cases: readonly [string, string, readonly string[]][] = [
    ["", 'mpath_policy = "round-robin"', [
      "change session s: mpath_policy min-inflight -> round-robin",
    ]],
    ["", "max_reconnect_attempts = 3\nheartbeat_interval_ms = 100", [
      "change session s: max_reconnect_attempts -1 -> 3, heartbeat_interval_ms 5000 -> 100",
    ]],
    ["", "dest_port = 9", ["remake session s: dest_port 1234 -> 9"]],
  ];
  for (const [before, after, expected] of cases) {
    const from = nodeLike(config(SESSION + before, mapping("a")));
    assertPlan(from, wanted(config(SESSION + after, mapping("a"))), nobody("a"), expected);
  }
  const paths = (list: string) => config(SESSION.replace('"tcp:10.0.0.1"', list), mapping("a"));
  const two = '"tcp:10.0.0.2"';
  assertPlan(nodeLike(ONE), wanted(paths(two)), nobody("a"), [
    "change session s: paths tcp:10.0.0.1 -> tcp:10.0.0.2",
  ]);
  const fixed = { config: ONE.sessions[0]!, origin: "config" as const, hasLivePaths: false };
  assertPlan(nodeLike(ONE, { sessions: [fixed] }), wanted(paths(two)), nobody("a"), [
    "remake session s: paths tcp:10.0.0.1 -> tcp:10.0.0.2",
  ]);
  assertPlan(nodeLike(ONE), wanted(paths('"ip:10.0.0.1"')), nobody("a"), [
    "remake session s: paths tcp:10.0.0.1 -> ip:10.0.0.1",
  ]);
});

Deno.test("a session that is made anew takes its mappings, and waits for their users", () => {
  const from = nodeLike(config(SESSION, mapping("a"), mapping("b")));
  const to = wanted(config(`${SESSION}dest_port = 9\n`, mapping("a"), mapping("b"), mapping("c")));
  const used: Users = new Map([[mappingUse("a"), []], [mappingUse("b"), ["mounted on /mnt"]]]);
  const wait = "[b is in use: mounted on /mnt]";
  const [remake] = assertPlan(from, to, used, [
    `remake session s: dest_port 1234 -> 9 ${wait}`,
    `(add mapping c ${wait})`,
  ]);
  assert.equal(
    remake!.reason,
    "dest_port changed; it is connected anew, and its 2 mappings with it",
  );
  assert.deepEqual(remake!.locks, ["session s", "mapping a", "mapping b"]);
});

Deno.test("a rename is known by its device, a move by its name", () => {
  const renamed = config(SESSION, mapping("b").replace("dev-b", "dev-a"));
  assertPlan(nodeLike(ONE), wanted(renamed), nobody("a"), ["remake mapping b: name a -> b"]);
  const moved = config(SESSION, OTHER, mapping("a").replace('"s"', '"t"'));
  assertPlan(nodeLike(ONE), wanted(moved), nobody("a"), [
    "(remove session s)",
    "remake mapping a: sessname s -> t",
    "add session t",
  ]);
});

Deno.test("mappings that take each other's place go together, or wait together", () => {
  const from = nodeLike(config(SESSION, mapping("a"), mapping("b")));
  const to = wanted(config(
    SESSION,
    mapping("a").replace("dev-a", "dev-b"),
    mapping("b").replace("dev-b", "dev-a"),
  ));
  const lines = [
    "remake mapping a: device_path dev-a -> dev-b",
    "remake mapping b: device_path dev-b -> dev-a",
  ];
  assertPlan(from, to, nobody("a", "b"), lines);
  const used: Users = new Map([[mappingUse("a"), []], [mappingUse("b"), ["swap"]]]);
  assertPlan(from, to, used, lines.map((text) => `${text} [b is in use: swap]`));
});

Deno.test("what needs a device that another gives up waits for that", () => {
  const to = wanted(config(SESSION, mapping("b").replace("dev-b", "dev-a"), mapping("c")));
  const from = nodeLike(config(SESSION, mapping("a").replace("dev-a", "dev-c"), mapping("b")));
  assertPlan(from, to, nobody("a", "b"), [
    "remake mapping b: device_path dev-b -> dev-a",
    "remake mapping c: name a -> c",
  ]);
  const leaving = nodeLike(config(SESSION), {
    leaving: [ONE.mappings[0]!],
    sessions: nodeLike(ONE).sessions,
  });
  assertPlan(leaving, wanted(ONE), new Map(), ["(add mapping a)"]);
});

Deno.test("by hand: kept, or the files'; unmapped and changed by hand: held until apply", () => {
  const manual = [{ mapping: ONE.mappings[0]!, session: ONE.sessions[0]! }];
  const byHand = nodeLike(ONE, {
    mappings: [open(ONE.mappings[0]!, { origin: "manual" })],
    sessions: [{ config: ONE.sessions[0]!, origin: "manual", hasLivePaths: true }],
  });
  assertPlan(byHand, wanted(config(), { manual }), new Map(), []);
  const [session, adopted] = assertPlan(byHand, wanted(ONE, { manual }), new Map(), [
    "change session s",
    "change mapping a",
  ]);
  assert.equal(session!.reason, "made by hand, and declared now");
  assert.equal(adopted!.reason, "made by hand, and declared now");
  const unmapped = wanted(ONE, { heldMappings: new Set(["a"]) });
  const [held] = assertPlan(nodeLike(config()), unmapped, new Map(), [
    "add mapping a [apply, or the next start: it was unmapped by hand]",
  ]);
  assert.equal(held!.work, undefined);
  const changed = { ...ONE.sessions[0]!, mpathPolicy: "round-robin" as const };
  const heldKeys = new Map([["s", new Set(["mpath_policy"])]]);
  const from = nodeLike(ONE, {
    sessions: [{ config: changed, origin: "config", hasLivePaths: true }],
  });
  const [kept] = assertPlan(from, wanted(ONE, { heldSessionKeys: heldKeys }), new Map(), [
    "change session s: mpath_policy round-robin -> min-inflight " +
    "[apply, or the next start: it was changed by hand]",
  ]);
  assert.equal(kept!.work, undefined);
  const more = config(`${SESSION}max_reconnect_attempts = 1\n`, mapping("a"));
  const [, edit] = makePlan(wanted(more, { heldSessionKeys: heldKeys }), from);
  assert.deepEqual(edit!.work, {
    kind: "changeSession",
    session: { ...changed, maxReconnectAttempts: 1 },
    origin: "config",
  });
});

Deno.test("what is not open says why, and is tried unless it is tried already or of no use", () => {
  const cases: readonly [Partial<ActualMapping>, boolean, boolean][] = [
    [{ state: "opening" }, false, true],
    [{ state: "closed", failure: { reason: "x", isTerminal: false, nextTryMs: 5 } }, true, true],
    [{ state: "closed", failure: { reason: "x", isTerminal: true, nextTryMs: null } }, true, true],
    [
      { state: "closed", failure: { reason: "x", isTerminal: false, nextTryMs: null } },
      true,
      false,
    ],
  ];
  for (const [state, isReady, isOptional] of cases) {
    const from = nodeLike(ONE, { mappings: [open(ONE.mappings[0]!, state)] });
    const [step, ...others] = makePlan(wanted(ONE), from);
    assert.deepEqual(others, []);
    assert.deepEqual(step!.work, { kind: "reopen", name: "a" });
    assert.deepEqual([step!.isReady, step!.isOptional], [isReady, isOptional]);
  }
});

Deno.test("leftovers: taken over by their mapping while it opens, else deleted when unused", () => {
  const leftovers = [{ id: 3, device: "/dev/ublkb3", name: "a" }];
  const opening = nodeLike(ONE, {
    leftovers,
    mappings: [open(ONE.mappings[0]!, { state: "opening" })],
  });
  assertPlan(opening, wanted(ONE), new Map(), ["(add mapping a)"]);
  assertPlan(nodeLike(ONE, { leftovers }), wanted(ONE), new Map([[leftoverUse(3), []]]), [
    "remove mapping a",
  ]);
  const used: Users = new Map([[leftoverUse(3), ["mounted on /mnt"]]]);
  const [step] = assertPlan(nodeLike(config(), { leftovers }), wanted(config()), used, [
    "remove mapping a [/dev/ublkb3 is in use: mounted on /mnt]",
  ]);
  assert.equal(
    step!.reason,
    "/dev/ublkb3 was left by an earlier start, and no file names it any more",
  );
});

const SERVER = `[server]\nlisten = ["tcp:127.0.0.1"]\ndev_search_path = "/srv"\n`;
const rule = (path: string, more = "") => `[[server.export]]\ndevice_path = "${path}"\n${more}\n`;
const MEMORY = 'backend = "memory"\nsize = "1MiB"';

Deno.test("exports: added before others go, changed at once; what is open stays open", () => {
  const from = nodeLike(config(SERVER, rule("a"), rule("m", MEMORY)));
  assertPlan(from, wanted(config(SERVER, rule("b"), rule("m", MEMORY))), new Map(), [
    "add export b",
    "(remove export a)",
  ]);
  const limited = config(SERVER, rule("a", 'access_mode = "ro"'), rule("m", MEMORY));
  assertPlan(from, wanted(limited), new Map(), ["change export a: access_mode rw -> ro"]);
  const grown = config(SERVER, rule("a"), rule("m", MEMORY.replace("1M", "2M")));
  const held = from.exports.map((one) => ({ ...one, holders: ["s (m, rw)"] }));
  const [remake] = assertPlan({ ...from, exports: held }, wanted(grown), new Map(), [
    "remake export m: size 1 MiB -> 2 MiB",
  ]);
  assert.equal(
    remake!.reason,
    "it becomes another disk; what it held is lost; s (m, rw) keeps it until it is closed",
  );
  const sorted = config(SERVER, rule("m", MEMORY), rule("a"));
  const [step] = assertPlan(from, wanted(sorted), new Map(), ["change export m"]);
  assert.match(step!.reason, /order/);
});

Deno.test("what a running process cannot take over waits for its next start", () => {
  const restart = "[the next start]";
  const other = parseConfig(
    NODE.replace("reactors = 2", "reactors = 3\nwatch_config = true") +
      '[control]\nhttp = ":9942"\n',
    null,
  );
  const steps = assertPlan(nodeLike(config()), wanted(other), new Map(), [
    "change node here: watch_config false -> true",
    `restart node here: reactors 2 -> 3, control.http none -> :9942 ${restart}`,
  ]);
  assert.equal(steps[1]!.reason, "reactors, control.http take effect at the next start");
  const serving = config(SERVER);
  assertPlan(nodeLike(config()), wanted(serving), new Map(), [
    `restart server here: [server] absent -> present ${restart}`,
  ]);
  const moved = config(SERVER.replace('"/srv"', '"/data"\nport = 99'));
  assertPlan(nodeLike(serving), wanted(moved), new Map(), [
    `restart server here: port 1234 -> 99, dev_search_path /srv -> /data ${restart}`,
  ]);
});
