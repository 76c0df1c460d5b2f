/** What of a status is told as a problem. */
import assert from "node:assert/strict";
import type { PlanStep, Status } from "../../src/appliance/appliance_api.ts";
import { findProblems } from "../../src/appliance/status_page/client/problems.ts";
import { bigStatus, ioAfter } from "./big_status.ts";

const WELL = bigStatus({ mappings: 4, sessions: 2, exports: 1 });
const texts = (status: Status) => findProblems(status).map(({ text }) => text);

const STEP: PlanStep = {
  action: "remove",
  kind: "mapping",
  name: "old",
  reason: "no file names it any more",
  changes: [],
  waits_for: "in use by fio (pid 7)",
  last_error: null,
  next_try_ms: null,
};

Deno.test("problems: a node that is well has none", () => {
  assert.deepEqual(findProblems(WELL), []);
});

Deno.test("problems: a lost path, while the session goes on", () => {
  const status: Status = {
    ...WELL,
    sessions: WELL.sessions.map((session, index) =>
      index === 0 ? session : {
        ...session,
        paths: session.paths.map((path, at) =>
          at === 0 ? path : { ...path, state: "disconnected", last_error: "ETIMEDOUT" }
        ),
      }
    ),
  };
  assert.deepEqual(findProblems(status), [{
    severity: "warn",
    text: "Path ip:192.0.2.101,ip:198.51.1.11 of session store-02 is disconnected",
    detail: "ETIMEDOUT",
    subject: { kind: "session", name: "store-02" },
  }]);
});

Deno.test("problems: a lost session is told once, with how many mappings it took along", () => {
  const status: Status = {
    ...WELL,
    sessions: WELL.sessions.map((session, index) =>
      index === 0 ? session : {
        ...session,
        state: "disconnected",
        paths: session.paths.map((path) => ({
          ...path,
          state: "disconnected" as const,
          last_error: "ECONNREFUSED",
        })),
      }
    ),
    mappings: WELL.mappings.map((mapping) =>
      mapping.sessname === "store-02" ? { ...mapping, state: "closed" } : mapping
    ),
  };
  assert.deepEqual(findProblems(status), [{
    severity: "bad",
    text: "Session store-02 is disconnected: 2 mappings closed",
    detail: "ECONNREFUSED",
    subject: { kind: "session", name: "store-02" },
  }]);
});

Deno.test("problems: a closed mapping, a client's path, the config; the worst first", () => {
  const [first, ...others] = WELL.mappings;
  const [client] = WELL.clients;
  const [path] = client!.paths;
  const status: Status = {
    ...WELL,
    mappings: [{ ...first!, state: "closed", last_error: "ENOENT: no such device" }, ...others],
    clients: [{ ...client!, paths: [{ ...path!, state: "disconnected" }] }],
    config: {
      ...WELL.config,
      state: "stale",
      stale_since: "2026-03-01T12:00:00.000Z",
      stale_because: ["a.toml:1:1: wrong", "b.toml:2:2: wrong too"],
      pending: [STEP, { ...STEP, name: "other", last_error: "EBUSY: in use" }],
    },
  };
  const found = findProblems(status);
  assert.deepEqual(found.map(({ severity }) => severity), ["bad", "bad", "warn", "warn"]);
  assert.match(found[0]!.text, /^Config is stale since 1 Mar 2026, /);
  assert.equal(found[0]!.detail, "a.toml:1:1: wrong; b.toml:2:2: wrong too");
  assert.equal(found[1]!.text, "Mapping vm-0001 is closed");
  assert.equal(found[2]!.text, "1 step of the config failed and will be tried again");
  assert.equal(
    found[3]!.text,
    "Path ip:192.0.2.100,ip:198.51.40.10 of client compute-1 is disconnected",
  );
});

Deno.test("problems: missing steps, and what they wait for", () => {
  const status: Status = { ...WELL, config: { ...WELL.config, pending: [STEP] } };
  assert.deepEqual(texts(status), ["1 step until the node is as its config says"]);
  assert.equal(findProblems(status)[0]!.detail, "in use by fio (pid 7)");
});

Deno.test("problems: late I/O errors, of what has them", () => {
  const io = { ...ioAfter(10), write: { ios: 9, bytes: 0, errors: 3 } };
  const status = { ...WELL, exports: WELL.exports.map((each) => ({ ...each, io })) };
  assert.deepEqual(findProblems(status, () => true), [{
    severity: "warn",
    text: "I/O errors at export /srv/scratch-1.img in the last two minutes",
    detail: "3 since the start",
    subject: { kind: "export", name: "/srv/scratch-1.img" },
  }]);
  assert.deepEqual(findProblems(status, () => false), []);
});
