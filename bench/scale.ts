// deno-lint-ignore-file no-console -- a program: its output is its purpose
/**
 * How one node carries many mappings: apply from nothing, idle CPU, memory, the time of `status`,
 * of a scrape and of a change of one mapping, for growing numbers over 16 sessions (TCP, memory
 * disks, NBD).
 *
 *     deno run -A bench/scale.ts [--counts 125,250,500,1000] [--sessions 16] [--idle-seconds 10]
 *
 * Exits with 1 when something grows faster than the number of mappings.
 */
import { parseArgs } from "node:util";
import type { ApplyResult } from "../src/appliance/appliance_api.ts";
import { Appliance } from "../tests/support/appliance.ts";
import { cpuMs, freePort, residentBytes, sleep } from "../tests/support/process.ts";
import { temporaryDirectory } from "../tests/support/temporary.ts";
import { formatTable } from "./table.ts";

const DISK_BYTES = 1 << 20;
const REPEATS = 9;
const APPLY_TIMEOUT_MS = 300_000;
/** What is fixed or noise: a step of the smallest count may cost this much more an item. */
const TOLERANCE = 1.5;

const { values: options } = parseArgs({
  options: {
    counts: { type: "string", default: "125,250,500,1000" },
    sessions: { type: "string", default: "16" },
    "idle-seconds": { type: "string", default: "10" },
  },
});
const counts = options.counts.split(",").map(Number);
const sessions = Number(options.sessions);
const idleSeconds = Number(options["idle-seconds"]);

/** Figures of one number of mappings. */
interface Figures {
  readonly mappings: number;
  readonly applyMs: number;
  readonly idleCpuPercent: number;
  readonly residentBytes: number;
  readonly statusMs: number;
  readonly scrapeMs: number;
  readonly scrapeBytes: number;
  readonly changeMs: number;
}

function serverToml(directory: string, port: number): string {
  return `[node]
name = "server"
runtime_dir = "${directory}/server"
reactors = 1

[server]
listen = ["tcp:127.0.0.1"]
port = ${port}
dev_search_path = "${directory}"
queue_depth = 64
max_io_size = "64KiB"

${
    Array.from({ length: Math.max(...counts) }, (_, i) =>
      `[[server.export]]
device_path = "disk${i}"
backend = "memory"
size = ${DISK_BYTES}
`).join("\n")
  }`;
}

function clientToml(directory: string, port: number): string {
  return `[node]
name = "client"
runtime_dir = "${directory}/client"
reactors = 1

${
    Array.from({ length: sessions }, (_, i) =>
      `[[session]]
sessname = "session${i}"
paths = ["tcp:127.0.0.1"]
dest_port = ${port}
`).join("\n")
  }`;
}

/** @param readOnly index of one that is mapped for reading only */
function mappingsToml(count: number, readOnly = -1): string {
  return Array.from({ length: count }, (_, i) =>
    `[[mapping]]
name = "map${i}"
sessname = "session${i % sessions}"
device_path = "disk${i}"
access_mode = "${i === readOnly ? "ro" : "rw"}"
expose = "nbd"
`).join("\n");
}

/** A request to the control socket. @returns its body and how long it took */
async function ask(client: Appliance, path: string, body?: unknown): Promise<[string, number]> {
  const start = performance.now();
  const method = body === undefined ? "GET" : "POST";
  const { ok, status, text } = await client.request(method, path, body);
  if (!ok) throw new Error(`${path}: ${status} ${text}`);
  return [text, performance.now() - start];
}

async function apply(client: Appliance): Promise<number> {
  const [text, ms] = await ask(client, "/v1/apply", { timeout_ms: APPLY_TIMEOUT_MS });
  const { pending } = JSON.parse(text) as ApplyResult;
  if (pending.length > 0) throw new Error(`pending: ${JSON.stringify(pending.slice(0, 3))}`);
  return ms;
}

const median = (values: readonly number[]) =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;

async function medianMs(client: Appliance, path: string): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < REPEATS; i++) times.push((await ask(client, path))[1]);
  return median(times);
}

async function measure(directory: string, port: number, mappings: number): Promise<Figures> {
  const dropIn = `${directory}/conf.d/mappings.toml`;
  await Deno.writeTextFile(dropIn, "");
  await using client = await Appliance.start({
    config: clientToml(directory, port),
    directory,
    name: "client",
    patience: 4,
  });
  await Deno.writeTextFile(dropIn, mappingsToml(mappings));
  const applyMs = await apply(client);
  const open = (await client.status()).mappings.filter(({ state }) => state === "open").length;
  if (open !== mappings) throw new Error(`${open} of ${mappings} mappings are open`);
  const statusMs = await medianMs(client, "/v1/status");
  const scrapeMs = await medianMs(client, "/metrics");
  const [scrape] = await ask(client, "/metrics");
  const before = cpuMs(client.pid);
  await sleep(idleSeconds * 1000);
  const idleCpuPercent = (cpuMs(client.pid) - before) / idleSeconds / 10;
  const resident = residentBytes(client.pid);
  const changes: number[] = [];
  for (const readOnly of [1, 2, 3]) {
    await Deno.writeTextFile(dropIn, mappingsToml(mappings, readOnly));
    changes.push(await apply(client));
  }
  return {
    mappings,
    applyMs,
    idleCpuPercent,
    residentBytes: resident,
    statusMs,
    scrapeMs,
    scrapeBytes: scrape.length,
    changeMs: median(changes),
  };
}

const COLUMNS = [
  ["apply ms", "applyMs", 0, 1],
  ["idle CPU %", "idleCpuPercent", 2, 1],
  ["RSS MiB", "residentBytes", 1, 2 ** 20],
  ["status ms", "statusMs", 1, 1],
  ["scrape ms", "scrapeMs", 1, 1],
  ["scrape KiB", "scrapeBytes", 0, 1024],
  ["one change ms", "changeMs", 0, 1],
] as const;

/** What grew by more than the number of mappings did, from the second largest to the largest. */
function superlinear(all: readonly Figures[]): string[] {
  const [smaller, largest] = all.slice(-2);
  if (smaller === undefined || largest === undefined) return [];
  const growth = largest.mappings / smaller.mappings * TOLERANCE;
  return COLUMNS.flatMap(([title, key]) =>
    largest[key] > smaller[key] * growth ? [`${title}: ${smaller[key]} to ${largest[key]}`] : []
  );
}

await using temporary = await temporaryDirectory();
const directory = temporary.path;
await Deno.mkdir(`${directory}/conf.d`);
await Deno.mkdir(`${directory}/served`);
const port = freePort();
await using _server = await Appliance.start({
  config: serverToml(directory, port),
  directory: `${directory}/served`,
  name: "server",
  patience: 4,
});
const all: Figures[] = [];
for (const count of counts) {
  all.push(await measure(directory, port, count));
  console.error(`${count} mappings measured`);
}
console.log(formatTable([
  ["mappings", ...COLUMNS.map(([title]) => title)],
  ...all.map((figures) => [
    String(figures.mappings),
    ...COLUMNS.map(([, key, digits, unit]) => (figures[key] / unit).toFixed(digits)),
  ]),
]));
const worse = superlinear(all);
for (const line of worse) console.log(`grows faster than the number of mappings: ${line}`);
Deno.exitCode = worse.length > 0 ? 1 : 0;
