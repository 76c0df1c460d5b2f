/** What was made by hand, as config text: it loads back to the same, and needs nothing more. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { defaultMapping, defaultSession } from "../../src/appliance/config/defaults.ts";
import { parseConfig } from "../../src/appliance/config/load_config.ts";
import type { MappingConfig, SessionConfig } from "../../src/appliance/config/config.ts";
import { configText } from "../../src/appliance/reconcile/config_text.ts";

const NODE = '[node]\nruntime_dir = "/run/x"\n';

const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 })
  .filter((text) => !/[\p{Cc}\p{Cs}/."\\]/u.test(text) && text.trim() === text && text[0] !== "-");

const session = (sessname: string): fc.Arbitrary<SessionConfig> =>
  fc.record({
    paths: fc.constantFrom(["tcp:192.0.2.1"], ["ip:192.0.2.1,ip:192.0.2.2"]),
    destPort: fc.constantFrom(1234, 1, 65_535),
    mpathPolicy: fc.constantFrom("round-robin", "min-inflight", "min-latency"),
    maxReconnectAttempts: fc.constantFrom(-1, 0, 9999),
    reconnectDelayMs: fc.constantFrom(500, 10),
    reconnectDelayMaxMs: fc.constantFrom(30_000, 3_600_000),
    heartbeatIntervalMs: fc.constantFrom(5000, 100),
    heartbeatMissedMax: fc.constantFrom(5, 9),
    connectTimeoutMs: fc.constantFrom(30_000, 100),
    crc: fc.constantFrom("auto", "on", "off"),
  }).map((keys) => ({ ...defaultSession(sessname, keys.paths), ...keys }));

const mapping = (sessname: string, mappingName: string): fc.Arbitrary<MappingConfig> =>
  fc.record({
    accessMode: fc.constantFrom("ro", "rw", "migration"),
    expose: fc.constantFrom("auto", "ublk", "nbd"),
    onRemove: fc.constantFrom("wait", "force"),
  }).map((keys) => ({
    ...defaultMapping(sessname, `d/${mappingName}`),
    name: mappingName,
    ...keys,
  }));

const node = fc.uniqueArray(name, { minLength: 1, maxLength: 3 }).chain((sessnames) =>
  fc.uniqueArray(name, { maxLength: 6 }).chain((names) =>
    fc.record({
      sessions: fc.tuple(...sessnames.map(session)),
      mappings: fc.tuple(...names.map((one, i) => mapping(sessnames[i % sessnames.length]!, one))),
    })
  )
);

Deno.test("text of sessions and mappings loads back to the same", () => {
  fc.assert(fc.property(node, ({ sessions, mappings }) => {
    const config = parseConfig(NODE + configText(sessions, mappings), null);
    assert.deepEqual(config.sessions, sessions);
    assert.deepEqual(config.mappings, mappings);
  }));
});

Deno.test("defaults are left out", () => {
  const text = configText([defaultSession("s", ["tcp:192.0.2.1"])], [defaultMapping("s", "disk")]);
  assert.equal(
    text.trim(),
    [
      "[[session]]",
      'sessname = "s"',
      'paths = [ "tcp:192.0.2.1" ]',
      "",
      "[[mapping]]",
      'sessname = "s"',
      'device_path = "disk"',
    ].join("\n"),
  );
  assert.equal(configText([], []), "");
});
