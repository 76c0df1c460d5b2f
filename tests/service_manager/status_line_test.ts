import assert from "node:assert/strict";
import type { MappingStatus, Status } from "../../src/appliance/appliance_api.ts";
import { STATUS_CHARACTERS_MAX } from "../../src/appliance/service_manager/limits.ts";
import { statusLine } from "../../src/appliance/service_manager/status_line.ts";
import { MAPPING, STATUS } from "../control_api/fake_status.ts";

const CURRENT = { ...STATUS.config, state: "current", stale_because: [], pending: [] } as const;
const EMPTY: Status = {
  ...STATUS,
  config: CURRENT,
  listeners: [],
  mappings: [],
  sessions: [],
  exports: [],
  clients: [],
};
const [SESSION] = STATUS.sessions;
const [STEP] = STATUS.config.pending;

const closed = (name: string, last_errno: string | null): MappingStatus => ({
  ...MAPPING,
  name,
  state: "closed",
  last_errno,
});

const LINES: readonly [string, Partial<Status>, readonly number[]][] = [
  ["nothing mapped, nothing served", {}, []],
  ["1 of 1 mapping open, 1 session", { mappings: [MAPPING], sessions: [SESSION!] }, []],
  [
    "1 of 3 mappings open, 1 of 2 sessions connected; closed: scratch (ECONNREFUSED), new",
    {
      mappings: [MAPPING, closed("scratch", "ECONNREFUSED"), closed("new", null)],
      sessions: [SESSION!, { ...SESSION!, state: "disconnected" }],
    },
    [],
  ],
  [
    "0 of 7 mappings open; closed: m0 (EIO), m1 (EIO), m2 (EIO), m3 (EIO), m4 (EIO) and 2 more",
    { mappings: Array.from({ length: 7 }, (_, i) => closed(`m${i}`, "EIO")) },
    [],
  ],
  [
    "1 client, 2 open exports",
    { listeners: STATUS.listeners, clients: STATUS.clients, exports: STATUS.exports },
    [],
  ],
  ["0 clients, 0 open exports", { listeners: STATUS.listeners }, []],
  ["nothing mapped, nothing served; reactor 1 does not answer", {}, [1]],
  ["nothing mapped, nothing served; reactors 0, 2 do not answer", {}, [0, 2]],
  [
    "nothing mapped, nothing served; the config files are wrong, the config before them goes on: " +
    "a:1:2: x and 1 other error",
    { config: { ...CURRENT, state: "stale", stale_because: ["a:1:2: x", "a:3:4: y"] } },
    [],
  ],
  [
    "nothing mapped, nothing served; 1 change of the config pending",
    { config: { ...CURRENT, pending: [STEP!] } },
    [],
  ],
  // It is told of as closed already.
  [
    "0 of 1 mapping open; closed: old (EIO)",
    { config: { ...CURRENT, pending: [STEP!] }, mappings: [closed("old", "EIO")] },
    [],
  ],
];

for (const [line, parts, silent] of LINES) {
  Deno.test(`status: ${line}`, () =>
    assert.equal(statusLine({ ...EMPTY, ...parts }, silent), line));
}

Deno.test("a status is not longer than its bound, whatever is in it", () => {
  const name = "\u{1f600}".repeat(200);
  const mappings = Array.from({ length: 5 }, () => closed(name, "EIO"));
  const line = statusLine({ ...EMPTY, mappings }, []);
  assert.equal([...line].length, STATUS_CHARACTERS_MAX);
  assert.ok(line.endsWith("\u{1f600}…"));
  assert.ok(line.isWellFormed());
});
