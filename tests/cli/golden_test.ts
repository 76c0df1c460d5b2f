/** Every verb in every format: what is asked, what is printed, how it ends. */
import assert from "node:assert/strict";
import { VERSION } from "../../src/appliance/version.ts";
import type { Context } from "../../src/cli/context.ts";
import { FORMATS } from "../../src/cli/grammar/spec.ts";
import { SHOWN_VERBS } from "../../src/cli/verbs.ts";
import { fakeMachine } from "../appliance/fake_machine.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { capture } from "./capture.ts";
import { EXPORTED, FakeControl } from "./fake_control.ts";
import { assertGolden, GOLDEN } from "./golden.ts";
import { assertSchema, assertSchemas } from "./schemas.ts";

type Check = (json: never) => void;

const is = (schema: string): Check => (json) => assertSchema(schema, json);

interface Lists {
  readonly mappings?: readonly unknown[];
  readonly sessions?: readonly unknown[];
  readonly exports?: readonly unknown[];
  readonly clients?: readonly unknown[];
  readonly export_rules?: readonly unknown[];
  readonly refusals?: readonly unknown[];
}

/** Each list of the right things. */
function areLists(json: Lists): void {
  assertSchemas("Mapping", json.mappings ?? []);
  assertSchemas("Session", json.sessions ?? []);
  assertSchemas("Export", json.exports ?? []);
  assertSchemas("Client", json.clients ?? []);
  assertSchemas("ExportRule", json.export_rules ?? []);
  assertSchemas("Refusal", json.refusals ?? []);
}

/** Paths carry the name of their session, too. */
function arePaths(json: Record<string, readonly { readonly sessname: string }[]>): void {
  for (const { sessname, ...path } of Object.values(json).flat()) {
    assert.equal(typeof sessname, "string");
    assertSchema("Path", path);
  }
}

/** What is no answer of the API. */
const anything: Check = () => {};

/** `[name of the file, command line, what its JSON is]`; each runs in every format. */
const LINES: readonly [string, readonly string[], Check][] = [
  ["status", ["status"], is("Status")],
  ["list", ["list"], areLists],
  ["list_client_session", ["list", "client", "sessions"], areLists],
  ["list_server_session", ["server", "list", "session"], areLists],
  ["list_session", ["sessions"], areLists],
  ["list_path", ["paths"], arePaths],
  ["list_columns", ["list", "mappings", "name,size,origin,last_error", "K", "prec=2"], anything],
  ["list_plus", ["list", "mappings", "+origin,-devpath", "noheaders", "nototals"], anything],
  ["list_notree", ["list", "client", "sessions", "notree"], areLists],
  ["show_mapping", ["show", "scratch"], is("Mapping")],
  ["show_session", ["show", "session", "backup"], is("Session")],
  ["show_export", ["show", "export", "/srv/disk0.img"], is("Export")],
  ["show_client", ["show", "server", "session", "store-2"], is("Client")],
  ["show_path", ["show", "client", "path", "mlx5_0:2"], (json) => arePaths({ paths: [json] })],
  ["dump", ["dump"], is("Status")],
  ["dump_server", ["dump", "server"], areLists],
  ["watch", ["watch", "--count", "2"], anything],
  ["explain", ["explain", "scratch"], is("Explanation")],
  ["inflight", ["inflight"], is("Inflight")],
  ["events", ["events", "--count", "2"], anything],
  ["map", ["map", "disk0.img", "from", "backup", "ro"], is("Mapping")],
  ["unmap", ["unmap", "scratch", "force"], anything],
  ["remap", ["remap", "scratch"], is("Mapping")],
  ["remap_session", ["remap", "session", "backup", "force"], areLists],
  ["resize", ["resize", "scratch", "64MiB"], is("Mapping")],
  ["recover", ["recover", "all"], is("Recovered")],
  ["close", ["close", "disk0.img", "store-2", "force"], is("Closed")],
  ["revalidate", ["revalidate"], is("Revalidated")],
  ["disconnect", ["disconnect", "backup"], is("Session")],
  ["disconnect_client", ["disconnect", "server", "session", "rdma"], anything],
  ["reconnect", ["reconnect", "backup", "tcp:127.0.0.1,tcp:127.0.0.2"], is("Session")],
  ["add", ["path", "add", "backup", "tcp:127.0.0.9"], is("Session")],
  ["delete", ["path", "del", "backup", "tcp:127.0.0.9"], is("Session")],
  ["readd", ["readd", "backup", "tcp:127.0.0.9"], is("Session")],
  [
    "set",
    ["session", "set", "backup", "mpath_policy=rr", "max_reconnect_attempts=-1"],
    is("Session"),
  ],
  ["plan", ["plan"], is("Plan")],
  ["apply", ["apply", "--timeout", "0"], is("Applied")],
  ["verify", ["verify", "scratch", "--destroy-data"], is("Verified")],
  ["bench", ["bench", "scratch"], is("Measured")],
];

/** Verbs whose output has one format only, or that run until they are stopped. */
const ELSEWHERE = ["run", "export-config", "metrics", "demo", "help"];

// deno-lint-ignore no-control-regex
const INVISIBLE = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ufffe]/g;

/** Control characters, which CSV leaves as they are, so that the files are text. */
function visible(text: string): string {
  return text.replaceAll(INVISIBLE, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`);
}

/** What differs from run to run, and what stands for it. */
type Replaced = readonly (readonly [string, string])[];

/** Runs a command line in every format and compares all of it with one file. */
async function assertFormats(
  name: string,
  words: readonly string[],
  fake: FakeControl,
  check: Check,
  { context = {}, replaced = [] }: { context?: Partial<Context>; replaced?: Replaced } = {},
): Promise<void> {
  let golden = "";
  for (const format of FORMATS) {
    fake.asked.length = 0;
    const { code, out, err } = await capture([...words, "-o", format], context);
    const asked = fake.asked.map(({ method, path, body }) =>
      `${method} ${path}${body === undefined ? "" : ` ${JSON.stringify(body)}`}\n`
    );
    golden += `$ ${words.join(" ")} -o ${format}\n${asked.join("")}exit code ${code}\n` +
      `${err === "" ? "" : `standard error:\n${err}`}---\n${visible(out)}\n`;
    // Names give no orders, wherever the text goes to; CSV keeps data as it is in files.
    if (format !== "csv") assert.equal(visible(out), out);
    if (format !== "json") continue;
    if (name === "events" || name === "watch") {
      assertSchemas("Event", out.trimEnd().split("\n").map((line) => JSON.parse(line)));
    } else check(JSON.parse(out) as never);
  }
  const all: Replaced = [[` --socket ${fake.socket}`, ""], ...replaced];
  assertGolden(
    `${name}.txt`,
    all.reduce((text, [found, shown]) => text.replaceAll(found, shown), golden),
  );
}

for (const [name, words, check] of LINES) {
  Deno.test(`golden: ${words.join(" ")}`, async () => {
    await using fake = await FakeControl.start();
    await assertFormats(name, [...words, "--socket", fake.socket], fake, check);
  });
}

Deno.test("golden: verbs that need no appliance", async () => {
  await using fake = await FakeControl.start();
  const replaced: Replaced = [
    [VERSION, "VERSION"],
    [Deno.version.deno, "DENO"],
    [Deno.build.arch, "ARCH"],
  ];
  await assertFormats("version", ["version"], fake, anything, { replaced });
  const machine = fakeMachine({ kernel: "6.12.0", commands: ["nbdinfo"] });
  const context = { machine: () => Promise.resolve(machine) };
  await assertFormats("doctor", ["doctor"], fake, anything, { context });
});

Deno.test("golden: verbs about the files of the config", async () => {
  await using fake = await FakeControl.start();
  await using directory = await temporaryDirectory();
  const folder = fake.socket.slice(0, fake.socket.lastIndexOf("/"));
  const file = `${directory.path}/rnbd.toml`;
  Deno.writeTextFileSync(
    file,
    `[node]\nruntime_dir = "${folder}"\n` +
      '[[session]]\nsessname = "rdma"\npaths = ["tcp:192.0.2.1"]\n',
  );
  fake.status = { ...fake.status, config: { ...fake.status.config, file } };
  const replaced: Replaced = [[directory.path, "FOLDER"]];
  const check = ["check", "--live", "--config", file];
  await assertFormats("check_live", check, fake, is("Plan"), { replaced });
  const adopt = ["adopt", "fast", "--to", "mine", "--config", file];
  const drops = `${directory.path}/conf.d`;
  Deno.mkdirSync(drops);
  fake.answers.set("GET /v1/config/export", () => {
    // Of the format before: nothing is ever overwritten.
    for (const { name } of Deno.readDirSync(drops)) Deno.removeSync(`${drops}/${name}`);
    return new Response(EXPORTED);
  });
  await assertFormats("adopt", adopt, fake, anything, { replaced });
});

Deno.test("golden: help", async () => {
  const texts: string[] = [];
  for (const topic of ["", "words", "columns", ...SHOWN_VERBS.map(({ name }) => name)]) {
    const words = topic === "" ? ["help"] : ["help", topic];
    texts.push(`$ ${words.join(" ")}\n${(await capture(words)).out}`);
  }
  assertGolden("help.txt", texts.join("\n").replaceAll(VERSION, "VERSION"));
});

Deno.test("golden: every verb with formats is there", () => {
  const files = [...Deno.readDirSync(GOLDEN)].map(({ name }) =>
    Deno.readTextFileSync(new URL(name, GOLDEN))
  );
  const missing = SHOWN_VERBS.filter(({ name, aliases }) =>
    !ELSEWHERE.includes(name) &&
    ![name, ...(aliases ?? [])].some((word) =>
      files.some((text) => FORMATS.every((format) => isShown(text, word, format)))
    )
  );
  assert.deepEqual(missing.map(({ name }) => name), []);
});

/** Whether a file shows a command line with this verb in this format. */
function isShown(text: string, word: string, format: string): boolean {
  return text.split("\n").some((line) =>
    line.startsWith("$ ") && line.endsWith(` -o ${format}`) && line.split(" ").includes(word)
  );
}

Deno.test("golden: an answer that is not as its schema says is noticed", () => {
  assert.throws(() => assertSchema("Plan", { steps: [{ action: "add" }] }), /required/);
  assert.throws(() => assertSchema("Plan", { steps: [], more: 1 }), /additional/);
});
