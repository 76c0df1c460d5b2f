/** Our client and servers that refuse, lie or fall silent: what its user reads, and what it does. */
import assert from "node:assert/strict";
import { waitFor } from "../../support/process.ts";
import type { Appliance } from "../../support/appliance.ts";
import type { CaseContext, GuestCase } from "../guest/case.ts";
import { startMappings } from "../guest/mapping_program.ts";
import { RawNode } from "../guest/raw_node.ts";
import { type Manner, RawServer, rejectBytes } from "../guest/raw_server.ts";

const FIRST_PORT = 1300;
const UNUSED_PORT = 1299;
const SILENCE_MS = 4000;
const CASE_TIMEOUT_MS = 400_000;
const RECOVERY_TIMEOUT_MS = 60_000;
/** So long that the first failure is what the status still tells. */
const PATIENT = ["reconnect_delay_ms = 1000000", "reconnect_delay_max_ms = 1000000"];

/** A wrong server and what our user reads about it; undefined: nothing, as all is well. */
interface WrongServer {
  readonly name: string;
  readonly manner: Manner;
  readonly words: RegExp | undefined;
  readonly lines?: readonly string[];
}

const REJECTS: readonly WrongServer[] = [
  ...([
    [-104, /refused session .*ECONNRESET.*still holds this path's last incarnation, or speaks/],
    [-17, /refused session .*EEXIST.*still holds a path between these addresses/],
    [-6, /refused session .*ENXIO.*does not know the session/],
    [-12, /refused session .*ENOMEM.*has no memory for another session/],
    [-16, /refused session .*EBUSY.*see the server's log/],
    // Neither is an errno of the protocol.
    [0, /refused session .*ECONNRESET/],
    [5, /refused session .*ECONNRESET/],
  ] as const).map(([errno, words]) => ({
    name: `reject-${errno < 0 ? "minus" : "plus"}-${Math.abs(errno)}`,
    manner: { reject: rejectBytes(errno) },
    words,
  })),
  {
    name: "reject-magic",
    manner: { reject: rejectBytes(-17).with(0, 0) },
    words: /refused session .*ECONNRESET/,
  },
];

const ACCEPTS: readonly WrongServer[] = ([
  ["magic", { magic: 0x1234 }, /ip:10\.9\.0\.1: wrong magic 0x1234 in the accept/],
  ["major-1", { version: 0x0100 }, /10\.9\.0\.1: the server speaks RTRS version 1, not 2/],
  ["major-3", { version: 0x0300 }, /10\.9\.0\.1: the server speaks RTRS version 3, not 2/],
  ["minor-7", { version: 0x0207 }, undefined],
  ["errno", { errno: -5 }, /accept with errno -5/],
  ["depth-0", { queueDepth: 0 }, /accept with queue depth 0/],
  ["depth-1", { queueDepth: 1 }, /queue depth of 1 is too small for 1 reactors; at least 3/],
  ["io-size", { maxIoBytes: 512 }, /a maximum I\/O size of 512 bytes/],
  ["header-size", { maxHeaderBytes: 100 }, /a header area of 100 bytes/],
  ["chunk-size", { maxIoBytes: 2 ** 28 }, /16 chunks of \d+ bytes do not fit the immediate/],
] as const).map(([name, accept, words]) => ({ name: `accept-${name}`, manner: { accept }, words }));

const changed = (at: number, value: number) => (right: Uint8Array) => right.with(at, value);

const INFOS: readonly WrongServer[] = ([
  ["type", changed(0, 9), /10\.9\.0\.1: bad INFO_RSP: message type 9 for INFO_RSP/],
  ["regions-0", changed(2, 0), /bad INFO_RSP: INFO_RSP without regions/],
  ["regions-3", changed(2, 3), /bad INFO_RSP: INFO_RSP of 24 bytes for 3 regions/],
  ["length", changed(20, 1), /bad INFO_RSP: region 0 of \d+ bytes is no multiple/],
  [
    "size",
    (right: Uint8Array) => right.with(21, 0x80).with(22, 4),
    /bad INFO_RSP: regions of 294912 bytes for 16 chunks of 36864 bytes/,
  ],
  ["short", (right: Uint8Array) => right.slice(0, 4), /bad INFO_RSP: INFO_RSP of 4 bytes/],
  ["long", (right: Uint8Array) => new Uint8Array([...right, ...right]), undefined],
  [
    "disconnect",
    "disconnect",
    /closed the connection when it was told the session's name, info-disconnect: another client/,
  ],
] as const).map(([name, info, words]) => ({ name: `info-${name}`, manner: { info }, words }));

const OPENS: readonly WrongServer[] = ([
  [
    "greeting",
    { greetErrno: 22 },
    /refused the greeting \(SESS_INFO\): EINVAL.*: is it an RNBD server\?/,
  ],
  ["missing", { openErrno: 2 }, /refused to open disk .rw.: ENOENT.*below its dev_search_path/],
  ["writer", { openErrno: 1 }, /EPERM.*another client has it open for writing/],
  ["name", { openErrno: 22 }, /EINVAL.*the server refuses the name/],
  ["read-only", { openErrno: 30 }, /EROFS.*read-only at the server; use access_mode ro/],
  ["access", { openErrno: 13 }, /EACCES.*the server may not open it/],
  ["not-block", { openErrno: 15 }, /ENOTBLK.*neither a block device nor a file/],
  ["block-0", { device: { logicalBlockBytes: 0 } }, /makes no sense: a logical block of 0 bytes/],
  ["block-513", { device: { logicalBlockBytes: 513 } }, /a logical block of 513 bytes/],
  ["huge", { device: { sizeSectors: 2 ** 45 } }, /makes no sense: a size of 8192 \* 2\^32/],
] as const).map(([name, manner, words]) => ({ name: `open-${name}`, manner, words }));

const silent = [`connect_timeout_ms = ${SILENCE_MS}`];
const SILENT: readonly WrongServer[] = [
  {
    name: "silent-connect",
    manner: { ignoresConnects: true },
    words: /10\.9\.0\.1.*(waited|did not complete the set-up in) 4000 ms/,
    lines: silent,
  },
  {
    name: "silent-info",
    manner: { info: "silence" },
    words: /10\.9\.0\.1.* did not complete the set-up in 4000 ms/,
    lines: silent,
  },
];

/** ENOENT, EACCES, ENOTBLK, EINVAL, EROFS: the server would refuse again. */
const FINAL_ERRNOS: ReadonlySet<number> = new Set([2, 13, 15, 22, 30]);

/** What the status of the mapping and of its session, and the log, say about one server. */
async function judge(program: Appliance, server: WrongServer): Promise<string[]> {
  const { name, words } = server;
  const status = await program.status();
  const mapping = status.mappings.find((one) => one.name === name)!;
  const path = status.sessions.find(({ sessname }) => sessname === name)!.paths[0]!;
  const log = program.stderr.split("\n").filter((line) => line.includes(`name=${name} `));
  const problems: string[] = [];
  const check = (isRight: boolean, what: string) => {
    if (!isRight) problems.push(`${name}: ${what}`);
  };
  if (words === undefined) {
    check(mapping.state === "open", `${mapping.state}: ${mapping.last_error}`);
    check(path.state === "connected" && path.last_error === null, `path: ${path.last_error}`);
    return problems;
  }
  check(mapping.state === "closed", mapping.state);
  check(words.test(mapping.last_error ?? ""), `last_error: ${mapping.last_error}`);
  const isFinal = FINAL_ERRNOS.has(server.manner.openErrno ?? 0);
  const isNextRight = isFinal ? mapping.next_try_ms === null : mapping.next_try_ms! > 500_000;
  check(isNextRight, `next_try_ms: ${mapping.next_try_ms}`);
  check(log.some((line) => words.test(line)), `log: ${log.join("\n")}`);
  // What OPEN was refused for is no matter of the path.
  if (server.manner.openErrno !== undefined || server.manner.device !== undefined) {
    check(path.state === "connected", `path: ${path.state} ${path.last_error}`);
  } else {
    check(path.state === "disconnected", path.state);
    check(words.test(path.last_error ?? ""), `path's last_error: ${path.last_error}`);
  }
  return problems;
}

function judged(servers: readonly WrongServer[]): GuestCase["run"] {
  return async (context: CaseContext) => {
    const node = context.use(new RawNode());
    const sessions = servers.map(({ name, manner, lines = [] }, i) => {
      const port = FIRST_PORT + i;
      context.use(new RawServer(node, port, manner));
      return { name, port, lines: [...PATIENT, ...lines] };
    });
    const program = context.use(await startMappings(sessions));
    for (const { name, last_error } of (await program.status()).mappings) {
      context.note(`${name}: ${last_error}`);
    }
    const problems: string[] = [];
    for (const server of servers) problems.push(...await judge(program, server));
    assert.deepEqual(problems, []);
  };
}

async function triesAgain(context: CaseContext): Promise<void> {
  const node = context.use(new RawNode());
  const manner = { reject: rejectBytes(-17), rejections: 3 };
  const server = context.use(new RawServer(node, FIRST_PORT, manner));
  const lines = ["reconnect_delay_ms = 1000", "reconnect_delay_max_ms = 2000"];
  const program = context.use(
    await startMappings([{ name: "again", port: FIRST_PORT, lines }, {
      name: "nobody",
      port: UNUSED_PORT,
      lines: PATIENT,
    }]),
  );
  const isOpen = async () => (await program.mapping("again")).state === "open";
  await waitFor(isOpen, RECOVERY_TIMEOUT_MS, "the mapping to be open after three rejects");
  // Three rejects, then both connections.
  assert.equal(server.requests, 5);
  assert.equal((await program.mapping("again")).last_error, null);
  assert.match((await program.mapping("nobody")).last_error!, /nobody listens on this port/);
}

const wrong = (name: string, run: GuestCase["run"]): GuestCase => ({
  name: `wrong server: ${name}`,
  run,
  timeoutMs: CASE_TIMEOUT_MS,
  // The server that is not raw has no part in it.
  appliesTo: ({ client, server, carrier }) =>
    client === "ours" && server === "ours" && carrier === "ip",
});

/** Cases of this file. */
export const WRONG_SERVER_CASES: readonly GuestCase[] = [
  wrong("rejects and nonsense in accepts", judged([...REJECTS, ...ACCEPTS])),
  wrong("nonsense in INFO_RSP and OPEN_RSP, silence", judged([...INFOS, ...OPENS, ...SILENT])),
  wrong("the client tries again", triesAgain),
];
