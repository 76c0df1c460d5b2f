/** Verbs, sides and things: every order, shortened, left out; and who is meant by a name. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { VerbArguments } from "../../src/cli/arguments.ts";
import { THING_WORDS } from "../../src/cli/grammar/words.ts";
import { readSentence } from "../../src/cli/sentence.ts";
import { UsageError } from "../../src/cli/usage_error.ts";
import { SHOWN_VERBS } from "../../src/cli/verbs.ts";
import { capture } from "./capture.ts";
import { type Asked, FakeControl } from "./fake_control.ts";
import { HOSTILE_STATUS } from "./hostile_status.ts";

/** `[words, verb, side, thing, what is left]` */
const READ: readonly [string, string, string | undefined, string | undefined, string][] = [
  ["list", "list", undefined, undefined, ""],
  ["list sessions", "list", undefined, "session", ""],
  ["sessions list", "list", undefined, "session", ""],
  ["client list sessions", "list", "client", "session", ""],
  ["list client session", "list", "client", "session", ""],
  ["session client list", "list", "client", "session", ""],
  ["clt sess l", "list", "client", "session", ""],
  ["cli dev list", "list", "client", "device", ""],
  ["srv devs list", "list", "server", "device", ""],
  ["serv devices list name", "list", "server", "device", "name"],
  ["both list", "list", undefined, undefined, ""],
  ["mappings", "list", "client", "device", ""],
  ["exp", "explain", undefined, undefined, ""],
  ["export l", "list", "server", "device", ""],
  ["paths", "list", undefined, "path", ""],
  ["server", "list", "server", undefined, ""],
  ["st", "status", undefined, undefined, ""],
  ["un scratch", "unmap", undefined, undefined, "scratch"],
  ["unmap session", "unmap", undefined, undefined, "session"],
  ["unmap device session", "unmap", undefined, "device", "session"],
  ["show session", "show", undefined, undefined, "session"],
  ["show session backup", "show", undefined, "session", "backup"],
  ["show sess", "show", undefined, undefined, "sess"],
  ["sess show dev", "show", undefined, "session", "dev"],
  ["session re backup path", "", undefined, undefined, ""],
  ["path dis backup", "disconnect", undefined, "path", "backup"],
  ["dis backup", "disconnect", undefined, undefined, "backup"],
  ["path del b p", "delete", undefined, "path", "b p"],
  ["server dis x", "disconnect", "server", undefined, "x"],
  ["map disk from s", "map", undefined, undefined, "disk from s"],
  ["map mapping from s", "map", "client", "device", "from s"],
  ["run --config f", "run", undefined, undefined, "--config f"],
  ["export-config a", "export-config", undefined, undefined, "a"],
  ["exports", "list", "server", "device", ""],
];

for (const [words, verb, mode, thing, rest] of READ) {
  Deno.test(`"${words}" is read`, () => {
    if (words === "exp" || verb === "") {
      assert.throws(() => readSentence(words.split(" ")), UsageError);
      return;
    }
    const sentence = readSentence(words.split(" "));
    assert.deepEqual(
      [sentence.verb.name, sentence.scope.mode, sentence.scope.thing, sentence.rest.join(" ")],
      [verb, mode, thing, rest],
    );
  });
}

Deno.test("sides and things may stand in any order around a verb", () => {
  const verbs = SHOWN_VERBS.filter(({ targets, positionals }) =>
    targets !== undefined && positionals.length === 0
  );
  fc.assert(fc.property(
    fc.constantFrom(...verbs),
    fc.constantFrom("client", "server"),
    fc.constantFrom("device", "session", "path"),
    fc.shuffledSubarray([0, 1, 2], { minLength: 3 }),
    (verb, mode, thing, order) => {
      const words = [verb.name, mode, thing];
      const { scope, verb: found, rest } = readSentence(order.map((at) => words[at]!));
      assert.deepEqual([found.name, scope.mode, scope.thing, rest], [verb.name, mode, thing, []]);
    },
  ));
});

Deno.test("whatever is typed, the answer is a reading or a usage error", () => {
  const known = [...SHOWN_VERBS, ...THING_WORDS].map(({ name }) => name);
  const word = fc.oneof(
    fc.constantFrom(...known).chain((name) =>
      fc.integer({ min: 0, max: name.length }).map((end) => name.slice(0, end))
    ),
    fc.string(),
  );
  fc.assert(fc.property(fc.array(word, { minLength: 1, maxLength: 5 }), (words) => {
    try {
      readSentence(words);
    } catch (error) {
      assert.ok(error instanceof UsageError, String(error));
    }
  }));
});

Deno.test("whatever follows a verb, it is taken or a usage error", () => {
  const words = [
    ...SHOWN_VERBS.flatMap(({ options }) => options).flatMap(({ name, bareWords, leadIn }) => [
      `--${name}`,
      `--${name}=x`,
      ...Object.keys(bareWords ?? {}),
      ...(leadIn === undefined ? [] : [leadIn]),
    ]),
    "--",
    "-",
    "+a",
    "-ab,cd",
    "prec=1",
    "a,b",
  ];
  const word = fc.oneof(fc.constantFrom(...words), fc.string());
  fc.assert(
    fc.property(fc.constantFrom(...SHOWN_VERBS), fc.array(word, { maxLength: 6 }), (verb, rest) => {
      try {
        new VerbArguments(verb, rest);
      } catch (error) {
        assert.ok(error instanceof UsageError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

/** What a command line asks of the appliance. */
async function asked(
  line: string,
): Promise<{ asked: readonly Asked[]; code: number; err: string }> {
  await using fake = await FakeControl.start();
  const words = line.split(" ");
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  const { code, err } = await capture(words.toSpliced(end, 0, "--socket", fake.socket));
  return { asked: [...fake.asked], code, err };
}

const NODE = HOSTILE_STATUS.node;

/** `[command line, method and path, body]` */
const ASKED: readonly [string, string, unknown][] = [
  ["map d from backup", "POST /v1/mappings", { sessname: "backup", device_path: "d" }],
  ["map d from backup ro", "POST /v1/mappings", {
    sessname: "backup",
    device_path: "d",
    access_mode: "ro",
  }],
  ["map d migration from tcp:192.0.2.9", "POST /v1/mappings", {
    sessname: `${NODE}@tcp:192-0-2-9`,
    device_path: "d",
    access_mode: "migration",
    paths: ["tcp:192.0.2.9"],
  }],
  ["map d from tcp:127.0.0.1,tcp:192.0.2.9 --dest-port 1300", "POST /v1/mappings", {
    sessname: `${NODE}@tcp:192-0-2-9:1300`,
    device_path: "d",
    dest_port: 1300,
    paths: ["tcp:127.0.0.1,tcp:192.0.2.9"],
  }],
  ["map d from far ip:192.0.2.1 ip:192.0.2.2 rw", "POST /v1/mappings", {
    sessname: "far",
    device_path: "d",
    access_mode: "rw",
    paths: ["ip:192.0.2.1", "ip:192.0.2.2"],
  }],
  ["map d --sessname s --path tcp:::1 --path tcp:::2", "POST /v1/mappings", {
    sessname: "s",
    device_path: "d",
    paths: ["tcp:::1", "tcp:::2"],
  }],
  ["disconnect backup", "POST /v1/sessions/backup/disconnect", {}],
  ["disconnect store-2", "POST /v1/clients/store-2/disconnect", {}],
  ["disconnect server session rdma", "POST /v1/clients/rdma/disconnect", {}],
  ["server path disconnect rdma mlx5_0:2", "POST /v1/clients/rdma/disconnect", {
    path: "ip:192.0.2.2,ip:192.0.2.1",
  }],
  ["client disconnect rdma mlx5_0:2", "POST /v1/sessions/rdma/disconnect", {
    path: "ip:192.0.2.2,ip:192.0.2.1",
  }],
  ["client disconnect mlx5_0:2", "POST /v1/sessions/rdma/disconnect", {
    path: "ip:192.0.2.2,ip:192.0.2.1",
  }],
  ["path reconnect tcp:127.0.0.3", "POST /v1/sessions/backup/reconnect", {
    path: "tcp:127.0.0.1,tcp:127.0.0.3",
  }],
  ["recover all", "POST /v1/recover", { names: [] }],
  ["session recover all", "POST /v1/recover", { names: ["backup", "rdma"] }],
  ["recover scratch fast", "POST /v1/recover", { names: ["scratch", "fast"] }],
  ["revalidate /srv/x", "POST /v1/exports/revalidate", { device: "/srv/x" }],
  ["close disk0.img", "POST /v1/exports/close", { device: "disk0.img", force: false }],
  ["unmap -- --x", "DELETE /v1/mappings/--x?force=false", undefined],
  ["set rdma mp=1", "", undefined],
  ["set rdma mp=ml", "PATCH /v1/sessions/rdma", { mpath_policy: "min-latency" }],
];

for (const [line, request, body] of ASKED) {
  Deno.test(`"${line}" asks ${request || "nothing"}`, async () => {
    const { asked: all, code, err } = await asked(line);
    if (request === "") {
      assert.deepEqual([code, all], [64, []]);
      return;
    }
    assert.equal(code, 0, err);
    assert.deepEqual(all.map(({ method, path }) => `${method} ${path}`), [request]);
    assert.deepEqual(all[0]!.body, body);
  });
}

/** `[command line, exit code, message]` */
const REFUSED: readonly [string, number, RegExp][] = [
  ["disconnect rdma", 64, /"rdma" can mean client session rdma, server session rdma; say which/],
  ["show rdma", 64, /"rdma" can mean client session rdma, server session rdma/],
  ["disconnect backpu", 1, /There is no session or path called "backpu"; did you mean "backup"\?/],
  ["show session backpu", 1, /no client session or server session .*; did you mean "backup"\?/],
  ["map d from backpu", 64, /There is no session "backpu"; did you mean "backup"\?/],
  ["map d from nowhere", 64, /There is no session "nowhere"; give its address/],
];

for (const [line, exit, message] of REFUSED) {
  Deno.test(`"${line}" is refused`, async () => {
    const { asked: all, code, err } = await asked(line);
    assert.match(err, message);
    assert.deepEqual([code, all], [exit, []]);
  });
}
