/** The causes of errors in plain words: every errno has one, and what they advise exists. */
import assert from "node:assert/strict";
import type { Cause, Situation, Subject } from "../../src/appliance/explain/cause.ts";
import { CAUSES, errnoIn, findCause } from "../../src/appliance/explain/find_cause.ts";
import { GENERAL_CAUSES, unknownCause } from "../../src/appliance/explain/general_causes.ts";
import { VERBS } from "../../src/cli/verbs.ts";
import { PROGRAM } from "../../src/cli/program_name.ts";
import { ERRNO, errnoName } from "../../src/ffi/errno.ts";

const SITUATIONS = ["connect", "open", "expose"] as const satisfies readonly Situation[];

const SUBJECT: Subject = {
  name: "scratch disk",
  sessname: "backup",
  address: "tcp:192.0.2.1",
  port: 1234,
  devicePath: "vm/disk0.img",
  mode: "rw",
  expose: "nbd",
  error: "it failed",
};

/** What texts depend on. */
const SUBJECTS: readonly Subject[] = [
  SUBJECT,
  { ...SUBJECT, address: "ip:192.0.2.1", expose: "ublk", mode: "ro" },
  { ...SUBJECT, mode: "migration", error: "no sign of life from tcp:192.0.2.1 for 25000 ms" },
  { ...SUBJECT, error: "the server refused session backup: ENOMEM" },
  { ...SUBJECT, address: "", port: 0, error: "closed when it was told the session's name" },
];

/** Names of what programs are made of, which mean nothing to those who run them. */
const INTERNALS = [
  /\.(ts|js|c|h)\b/,
  /[a-z][A-Z]/,
  /\b\w+_(clt|srv|cb|fn)\b|\b(rtrs|rnbd_srv|rnbd_clt|ibv|rdma|io_uring)_\w+/,
  /\b(undefined|null|NaN|\[object)/,
  /\b(lane|reactor|chunk|permit|handler|callback|ticket|opcode|struct|function|module's)\b/i,
  /\bE[A-Z]{3,}\b/,
];

function check(cause: Cause, where: string): void {
  assert.match(cause.cause, /^([A-Z]|vm\/disk0).*\.$/s, `${where}: a sentence`);
  assert.ok(cause.advice.length > 0, `${where}: no advice`);
  const commands = cause.advice.flatMap((line) => [...line.matchAll(/`([^`]+)`/g)]).map((m) =>
    m[1]!
  );
  assert.ok(commands.some((command) => command.startsWith(`${PROGRAM} `)), `${where}: no command`);
  for (const command of commands) {
    const [program, verb] = command.split(" ");
    if (program !== PROGRAM) continue;
    assert.ok(VERBS.some(({ name }) => name === verb), `${where}: there is no ${command}`);
  }
  for (const text of [cause.cause, ...cause.advice]) {
    const prose = text.replaceAll(/`[^`]+`|LimitMEMLOCK|LimitNOFILE/g, "");
    for (const internal of INTERNALS) assert.doesNotMatch(prose, internal, where);
    assert.doesNotMatch(text, /\bundefined\b|NaN| {2}/, where);
  }
  for (const line of cause.advice) {
    assert.doesNotMatch(line, /\.$/, `${where}: ends without a stop`);
  }
}

Deno.test("each cause is a sentence, and each advice names commands that exist", () => {
  let texts = 0;
  for (const [situation, table] of Object.entries({ ...CAUSES, any: GENERAL_CAUSES })) {
    for (const [errno, explain] of Object.entries(table)) {
      for (const subject of SUBJECTS) {
        check(explain(subject), `${situation} ${errno}`);
        texts++;
      }
    }
  }
  check(unknownCause(SUBJECT), "unknown");
  assert.ok(texts > 400, `${texts} texts`);
});

Deno.test("a text that is wrong is found", () => {
  const good = CAUSES.connect.ECONNREFUSED!(SUBJECT);
  const wrong: Cause[] = [
    { ...good, cause: "nothing listens" },
    { ...good, advice: [] },
    { ...good, advice: ["wait"] },
    { ...good, advice: ["try `rnbd-appliance frobnicate`"] },
    { ...good, cause: "See onRefused in server.ts." },
    { ...good, cause: "It is undefined." },
    { ...good, cause: "It failed with ECONNREFUSED." },
  ];
  for (const cause of wrong) assert.throws(() => check(cause, "planted"), assert.AssertionError);
});

Deno.test("every errno that the program can give has a text of its own", () => {
  const known = new Set(Object.values({ ...CAUSES, any: GENERAL_CAUSES }).flatMap(Object.keys));
  const missing = Object.keys(ERRNO).filter((errno) => !known.has(errno));
  assert.deepEqual(missing, []);
});

Deno.test("every errno that the source names has a text of its own", async () => {
  const known = new Set(Object.values({ ...CAUSES, any: GENERAL_CAUSES }).flatMap(Object.keys));
  const missing = new Set<string>();
  let found = 0;
  for (const layer of ["fabric", "rtrs", "rnbd", "nbd", "ublk", "appliance"]) {
    for await (const file of filesBelow(new URL(`../../src/${layer}/`, import.meta.url))) {
      const text = await Deno.readTextFile(file);
      for (const [, errno] of text.matchAll(/(?:ERRNO\.|")(E[A-Z0-9]{2,})\b/g)) {
        if (!isErrno(errno!)) continue;
        found++;
        if (!known.has(errno!)) missing.add(errno!);
      }
    }
  }
  assert.deepEqual([...missing], []);
  assert.ok(found > 100);
});

const isErrno = (name: string): boolean =>
  Array.from({ length: 133 }, (_, errno) => errnoName(errno)).includes(name);

async function* filesBelow(folder: URL): AsyncGenerator<URL> {
  for await (const entry of Deno.readDir(folder)) {
    const url = new URL(entry.name + (entry.isDirectory ? "/" : ""), folder);
    if (entry.isDirectory) yield* filesBelow(url);
    else if (entry.name.endsWith(".ts")) yield url;
  }
}

Deno.test("an errno that no table has gets the general text", () => {
  for (const situation of SITUATIONS) {
    check(findCause(situation, "EDOM", SUBJECT), situation);
    assert.deepEqual(findCause(situation, null, SUBJECT), unknownCause(SUBJECT));
  }
});

Deno.test("the errno of a text", () => {
  assert.equal(
    errnoIn("tcp:192.0.2.1: connecting failed: ECONNREFUSED (Connection refused)"),
    "ECONNREFUSED",
  );
  assert.equal(errnoIn("an OPEN and an END"), null);
});

Deno.test("names stand in commands as a shell takes them", () => {
  const [advice] = CAUSES.open.ENOTCONN!({ ...SUBJECT, name: "it's" }).advice.slice(1);
  assert.equal(advice, "open it again: `rnbd-appliance remap 'it'\\''s'`");
});
