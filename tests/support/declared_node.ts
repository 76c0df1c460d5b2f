/**
 * A node whose config is edited: 3 sessions and 30 mappings from nothing, then ten edits, each with
 * the plan that it must give, under load. Who runs it says where the server is, how devices are
 * exposed, and how the node is asked.
 */
import assert from "node:assert/strict";
import type { ApplyResult, PlanStep, Status } from "../../src/appliance/appliance_api.ts";
import type { Appliance } from "./appliance.ts";
import type { FioLoad } from "./fio_load.ts";
import { waitFor } from "./process.ts";

const DISKS = 32;
const DISK_SIZE = "8MiB";

/** A `[[session]]`. */
interface SessionText {
  paths: string[];
  mpath_policy?: string;
}

/** A `[[mapping]]`. */
interface MappingText {
  sessname: string;
  device_path: string;
  access_mode?: string;
  on_remove?: string;
}

/** The client's config, to be edited. */
interface Document {
  sessions: Record<string, SessionText>;
  mappings: Record<string, MappingText>;
}

/** Where it takes place. */
export interface Surroundings {
  /** An existing folder. */
  readonly directory: string;
  /** Two addresses of the server. */
  readonly addresses: readonly [string, string];
  readonly port: number;
  readonly expose: "nbd" | "ublk";
  /** How long it may take for what waited to be done. */
  readonly endTimeoutMs: number;
}

function toToml(table: string, name: [string, string], keys: object): string {
  const lines = [name, ...Object.entries(keys)]
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return [`[[${table}]]`, ...lines, ""].join("\n");
}

/** TOML of the server. */
export function declaredServer({ directory, addresses, port }: Surroundings): string {
  const exports = Array.from(
    { length: DISKS },
    (_, i) =>
      toToml("server.export", ["device_path", `disk${i}`], { backend: "memory", size: DISK_SIZE }),
  );
  return [
    `[node]\nname = "server"\nruntime_dir = "${directory}/server"\nreactors = 1\n`,
    `[server]\nlisten = ${JSON.stringify(addresses)}\nport = ${port}\nqueue_depth = 128\n` +
    `dev_search_path = "${directory}"\n`,
    ...exports,
  ].join("\n");
}

/** Three sessions of ten mappings: a0 … a9 over a, and so on. */
function thirtyMappings(address: string): Document {
  const sessions: Document["sessions"] = {};
  const mappings: Document["mappings"] = {};
  ["a", "b", "c"].forEach((sessname, i) => {
    sessions[sessname] = { paths: [address] };
    for (let j = 0; j < 10; j++) {
      mappings[`${sessname}${j}`] = { sessname, device_path: `disk${i * 10 + j}` };
    }
  });
  return { sessions, mappings };
}

/** A step in one line, as plans are stated. */
export function stepLine({ action, kind, name, changes }: PlanStep): string {
  const what = changes.map(({ key, from, to }) => `${key} ${from} -> ${to}`).join(", ");
  return `${action} ${kind} ${name}${what === "" ? "" : `: ${what}`}`;
}

/** One edit of the config. */
interface Edit {
  readonly name: string;
  readonly edit: (document: Document) => void;
  readonly plan: readonly string[];
}

function edits([first, second]: Surroundings["addresses"]): readonly Edit[] {
  return [
    {
      name: "add one",
      edit: ({ mappings }) => mappings["a10"] = { sessname: "a", device_path: "disk30" },
      plan: ["add mapping a10"],
    },
    {
      name: "remove one",
      edit: ({ mappings }) => delete mappings["b9"],
      plan: ["remove mapping b9"],
    },
    {
      name: "change a mode",
      edit: ({ mappings }) => mappings["c0"]!.access_mode = "ro",
      plan: ["remake mapping c0: access_mode rw -> ro"],
    },
    {
      name: "change paths",
      edit: ({ sessions }) => sessions["c"]!.paths = [second],
      plan: [`change session c: paths ${first} -> ${second}`],
    },
    {
      name: "rename",
      edit: ({ mappings }) => {
        mappings["database"] = mappings["b1"]!;
        delete mappings["b1"];
      },
      plan: ["remake mapping database: name b1 -> database"],
    },
    {
      name: "move to another session",
      edit: ({ mappings }) => mappings["b2"]!.sessname = "c",
      plan: ["remake mapping b2: sessname b -> c"],
    },
  ];
}

/** A client whose config is edited. */
export abstract class DeclaredNode {
  readonly document: Document;

  constructor(readonly surroundings: Surroundings, public client: Appliance) {
    this.document = thirtyMappings(surroundings.addresses[0]);
  }

  /** What is to be done for the files as they are. */
  abstract plan(): Promise<PlanStep[]>;
  /** Takes the files over. @param timeoutMs how long it waits; absent: as long as it takes */
  abstract apply(timeoutMs?: number): Promise<ApplyResult>;
  /** What it says, in both verbs, to files with an error. */
  abstract refusals(): Promise<string[]>;

  /** TOML of a client without sessions and mappings. */
  static empty({ directory }: Surroundings): string {
    return `[node]\nname = "client"\nruntime_dir = "${directory}/client"\nreactors = 1\n`;
  }

  text(): string {
    const { port, expose } = this.surroundings;
    const { sessions, mappings } = this.document;
    const delays = { reconnect_delay_ms: 50, reconnect_delay_max_ms: 500 };
    return [
      DeclaredNode.empty(this.surroundings),
      ...Object.entries(sessions).map(([name, keys]) =>
        toToml("session", ["sessname", name], { ...keys, dest_port: port, ...delays })
      ),
      ...Object.entries(mappings).map(([name, keys]) =>
        toToml("mapping", ["name", name], { ...keys, expose })
      ),
    ].join("\n");
  }

  async write(text: string = this.text()): Promise<void> {
    await Deno.writeTextFile(this.client.configFile, text);
  }

  status(): Promise<Status> {
    return this.client.status();
  }

  /** The plan is that, applying it leaves nothing, and a second time does nothing. */
  async follow(expected: readonly string[]): Promise<void> {
    await this.write();
    assert.deepEqual((await this.plan()).map(stepLine), expected);
    const result = await this.apply();
    assert.deepEqual(result.plan.steps.map(stepLine), expected);
    assert.deepEqual(result.pending, []);
    await this.assertAsDeclared();
    assert.deepEqual(await this.plan(), []);
  }

  async assertAsDeclared(): Promise<void> {
    const { mappings, sessions, config } = await this.status();
    assert.deepEqual([config.state, config.pending], ["current", []]);
    const byName = (a: readonly string[], b: readonly string[]) => a[0]! < b[0]! ? -1 : 1;
    const are = mappings.map((one) => {
      const { name, sessname, device_path, access_mode, state, origin, expose } = one;
      return [name, sessname, device_path, access_mode, state, origin, expose];
    });
    const { expose } = this.surroundings;
    const declared = Object.entries(this.document.mappings).map(([name, mapping]) => {
      const { sessname, device_path, access_mode = "rw" } = mapping;
      return [name, sessname, device_path, access_mode, "open", "config", expose];
    });
    assert.deepEqual(are.sort(byName), declared.sort(byName));
    const names = sessions.map(({ sessname }) => sessname).sort();
    assert.deepEqual(names, Object.keys(this.document.sessions).sort());
  }
}

/** What the ten edits need besides the node. */
export interface EditTools {
  /** Runs a part of it, and says which. */
  step(name: string, run: () => Promise<void>): Promise<unknown>;
  /** Steady load on an open mapping. */
  load(name: string): Promise<FioLoad>;
  /** Begins to use a mapping; disposing the result ends that. */
  use(name: string): Promise<AsyncDisposable>;
}

/** From nothing to 30 mappings, then ten edits under load. */
export async function runTenEdits(node: DeclaredNode, tools: EditTools): Promise<void> {
  await tools.step("from nothing", async () => {
    const { sessions, mappings } = node.document;
    await node.follow([
      ...Object.keys(sessions).map((name) => `add session ${name}`),
      ...Object.keys(mappings).map((name) => `add mapping ${name}`),
    ]);
  });
  await using load = await tools.load("a0");
  await using pathLoad = await tools.load("c5");
  for (const { name, edit, plan } of edits(node.surroundings.addresses)) {
    await tools.step(name, async () => {
      edit(node.document);
      await node.follow(plan);
    });
  }
  await tools.step("break the file", () => breakFile(node));
  await tools.step("mend it", async () => {
    node.document.mappings["b3"]!.on_remove = "force";
    await node.follow(["change mapping b3: on_remove wait -> force"]);
  });
  await tools.step("remove one that is in use", () => removeUsed(node, tools));
  await tools.step("change the policy under load", async () => {
    node.document.sessions["a"]!.mpath_policy = "round-robin";
    await node.follow(["change session a: mpath_policy min-inflight -> round-robin"]);
  });
  for (const { error, read, write } of [await load.stop(), await pathLoad.stop()]) {
    assert.equal(error, 0, "fio had an error, where nothing about its device changed");
    assert.ok(read.total_ios > 100 && write.total_ios > 100, "fio did little");
  }
}

async function breakFile(node: DeclaredNode): Promise<void> {
  const { mappings } = await node.status();
  await node.write(`${node.text()}\n[[mapping]]\nsessname = "d"\ndevice_path = "disk1"\n`);
  const wrong = /client\.toml:\d+:\d+: mapping\.sessname: no \[\[session\]\] is called "d"/;
  for (const refusal of await node.refusals()) assert.match(refusal, wrong);
  const after = await node.status();
  assert.equal(after.config.state, "stale");
  assert.ok(after.config.stale_since !== null);
  assert.match(after.config.stale_because.join(), /no \[\[session\]\] is called "d"/);
  assert.deepEqual(
    after.mappings.map(({ name, state }) => [name, state]),
    mappings.map(({ name, state }) => [name, state]),
    "the config before it goes on",
  );
}

async function removeUsed(node: DeclaredNode, tools: EditTools): Promise<void> {
  const user = await tools.use("b4");
  delete node.document.mappings["b4"];
  await node.write();
  // Until the user is there, the mapping is not in use.
  const isUsed = async () => (await node.plan())[0]?.waits_for?.includes("in use") === true;
  const { endTimeoutMs } = node.surroundings;
  await waitFor(isUsed, endTimeoutMs, "the mapping to be in use");
  assert.deepEqual((await node.plan()).map(stepLine), ["remove mapping b4"]);
  const { pending } = await node.apply(1000);
  assert.deepEqual(pending.map(stepLine), ["remove mapping b4"]);
  assert.match(pending[0]!.waits_for!, /^b4 is in use: /);
  assert.equal((await node.client.mapping("b4")).state, "open");
  await user[Symbol.asyncDispose]();
  const isGone = async () => (await node.status()).config.pending.length === 0;
  await waitFor(isGone, endTimeoutMs, "the mapping to go with its user");
  await node.assertAsDeclared();
}
