/** What is compared: each starts its programs, takes jobs, and stops them again. */
import type { BenchRequest, BenchResult, Status } from "../src/appliance/appliance_api.ts";
import { type Appliance, nbdUri } from "../tests/support/appliance.ts";
import { parseFio } from "../tests/support/fio.ts";
import { startPair } from "../tests/support/pair.ts";
import { cpuMs, freePort, run, waitFor } from "../tests/support/process.ts";
import { temporaryDirectory, writeSparseFile } from "../tests/support/temporary.ts";
import { DISK_BYTES, fioJobText, type Job } from "./jobs.ts";
import type { Measurement } from "./measurement.ts";

/** Paths of the programs that are needed. */
export interface Tools {
  readonly fio: string;
  readonly nbdkit: string;
  readonly qemuNbd: string;
}

/** Settings of a whole comparison. */
export interface Settings {
  readonly runtimeSeconds: number;
  /** Data-plane threads of client and server each. */
  readonly reactors: number;
  /** How long reactors poll before they block, microseconds; the default of the config. */
  readonly spinUs: number;
}

/** One way to reach a disk in the memory of another process. */
export interface Contender extends AsyncDisposable {
  measure(job: Job): Promise<Measurement>;
}

/** Names and meanings, in the order of the rounds. */
export const CONTENDERS = {
  "bench": "our bench verb: client → TCP → server memory",
  "bench-blocking": "the same with spin_us = 0",
  "chain": "fio → NBD socket → client → TCP → server memory",
  "nbdkit": "fio → TCP → nbdkit memory",
  "qemu-nbd": "fio → TCP → qemu-nbd on a raw file in memory",
} as const;

/** Name of a contender. */
export type ContenderName = keyof typeof CONTENDERS;

const SLACK_SECONDS = 30;

async function runFio(fio: string, job: Job, uri: string, seconds: number): Promise<Measurement> {
  await using directory = await temporaryDirectory("rnbd-bench-");
  const file = `${directory.path}/job.fio`;
  await Deno.writeTextFile(file, fioJobText(job, uri, seconds));
  const { stdout } = await run(fio, ["--output-format=json", file], {
    timeoutMs: (seconds + SLACK_SECONDS) * 1000,
  });
  const [result] = parseFio(stdout);
  if (result === undefined || result.error !== 0) throw new Error(`fio failed:\n${stdout}`);
  const direction = job.rw === "randwrite" ? result.write : result.read;
  const p99 = direction.clat_ns.percentile?.["99.000000"];
  return {
    iops: direction.iops,
    bytesPerSecond: direction.bw_bytes,
    latencyMeanUs: direction.lat_ns.mean / 1000,
    latencyP99Us: p99 === undefined ? null : p99 / 1000,
    clientEntersPerIo: null,
    serverEntersPerIo: null,
    clientCpuUsPerIo: null,
    serverCpuUsPerIo: null,
  };
}

/** Writes the whole disk once, so that no contender reads pages that were never there. */
async function fill(fio: string, uri: string): Promise<void> {
  const args = ["--name=fill", "--ioengine=nbd", `--uri=${uri}`, "--rw=write", "--bs=1M"];
  await run(fio, [...args, "--iodepth=4", `--size=${DISK_BYTES}`], { timeoutMs: 120_000 });
}

/** Our two processes, shared by the contenders that use them. */
export interface Chain extends AsyncDisposable {
  readonly server: Appliance;
  readonly client: Appliance;
  readonly uri: string;
}

const DISK_NAME = "disk";

/** Starts server and client and fills the disk. @param spinUs 0 = block at once */
export async function startChain(
  tools: Tools,
  settings: Settings,
  spinUs: number,
): Promise<Chain> {
  const pair = await startPair({
    disks: [{ name: DISK_NAME, backend: "memory", sizeBytes: DISK_BYTES }],
    reactors: settings.reactors,
    spinUs,
  });
  const uri = nbdUri(await pair.client.nbdSocket(DISK_NAME));
  await fill(tools.fio, uri);
  return {
    server: pair.server,
    client: pair.client,
    uri,
    [Symbol.asyncDispose]: () => pair[Symbol.asyncDispose](),
  };
}

const enters = (status: Status): number | null => {
  const counts = status.reactors.map(({ counters }) => counters["io_uring_enters"]);
  return counts.every((value) => value !== undefined)
    ? counts.reduce<number>((sum, value) => sum + value!, 0)
    : null;
};

/** Runs `body` and adds what both our processes spent on it. */
async function account(
  chain: Chain,
  seconds: number,
  body: () => Promise<Measurement>,
): Promise<Measurement> {
  const look = async (process: Appliance) => ({
    enters: enters(await process.status()),
    cpuMs: cpuMs(process.pid),
  });
  const before = { client: await look(chain.client), server: await look(chain.server) };
  const measured = await body();
  const after = { client: await look(chain.client), server: await look(chain.server) };
  const ios = measured.iops * seconds;
  const perIo = (end: number | null, start: number | null) =>
    end === null || start === null ? null : (end - start) / ios;
  return {
    ...measured,
    clientEntersPerIo: perIo(after.client.enters, before.client.enters),
    serverEntersPerIo: perIo(after.server.enters, before.server.enters),
    clientCpuUsPerIo: (after.client.cpuMs - before.client.cpuMs) * 1000 / ios,
    serverCpuUsPerIo: (after.server.cpuMs - before.server.cpuMs) * 1000 / ios,
  };
}

async function requestBench(client: Appliance, body: Omit<BenchRequest, "name">) {
  using http = Deno.createHttpClient({ proxy: { transport: "unix", path: client.controlSocket } });
  const response = await fetch(`http://localhost/v1/mappings/${DISK_NAME}/bench`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    client: http,
  });
  if (!response.ok) throw new Error(`bench: ${response.status} ${await response.text()}`);
  return await response.json() as BenchResult;
}

/** Load from inside the client. */
export function benchContender(chain: Chain, settings: Settings): Contender {
  const measure = (job: Job) =>
    account(chain, settings.runtimeSeconds, async () => {
      const result = await requestBench(chain.client, {
        rw: job.rw,
        block_bytes: job.blockBytes,
        iodepth: job.iodepth,
        runtime_ms: settings.runtimeSeconds * 1000,
        jobs: 0,
        destroy_data: true,
      });
      if (result.errors > 0) throw new Error(`bench had ${result.errors} errors`);
      return {
        iops: result.iops,
        bytesPerSecond: result.bytes_per_second,
        latencyMeanUs: result.latency_us.mean,
        latencyP99Us: result.latency_us.p99,
        clientEntersPerIo: null,
        serverEntersPerIo: null,
        clientCpuUsPerIo: null,
        serverCpuUsPerIo: null,
      };
    });
  return { measure, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** fio through the client's NBD socket. */
export function chainContender(chain: Chain, tools: Tools, settings: Settings): Contender {
  const seconds = settings.runtimeSeconds;
  const measure = (job: Job) =>
    account(chain, seconds, () => runFio(tools.fio, job, chain.uri, seconds));
  return { measure, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** An NBD server of somebody else on TCP. */
async function startNbdServer(
  tools: Tools,
  settings: Settings,
  command: string,
  args: (port: number) => string[],
  cleanUp: () => Promise<void>,
): Promise<Contender> {
  const port = freePort();
  const child = new Deno.Command(command, {
    args: args(port),
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  // Shown only when it does not start: it also complains about the look whether it listens.
  const stderr = new Response(child.stderr).text();
  const uri = `nbd://127.0.0.1:${port}`;
  await waitFor(
    async () => {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return true;
    },
    10_000,
    `${command} to listen`,
  ).catch(async (error) => {
    child.kill("SIGKILL");
    throw new Error(`${error}\n${await stderr}`);
  });
  await fill(tools.fio, uri);
  const seconds = settings.runtimeSeconds;
  return {
    async measure(job) {
      const before = cpuMs(child.pid);
      const measured = await runFio(tools.fio, job, uri, seconds);
      const spentUs = (cpuMs(child.pid) - before) * 1000;
      return { ...measured, serverCpuUsPerIo: spentUs / (measured.iops * seconds) };
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await Promise.all([child.status, stderr]);
      await cleanUp();
    },
  };
}

/** nbdkit's memory plugin on TCP. */
export function startNbdkit(tools: Tools, settings: Settings): Promise<Contender> {
  const args = (port: number) =>
    ["-f", "-i", "127.0.0.1", "-p", String(port), "memory"].concat(String(DISK_BYTES));
  return startNbdServer(tools, settings, tools.nbdkit, args, () => Promise.resolve());
}

/** qemu-nbd on TCP; its file lies in memory where there is a place for that. */
export async function startQemuNbd(tools: Tools, settings: Settings): Promise<Contender> {
  const inMemory = await Deno.stat("/dev/shm").then(() => true, () => false);
  const directory = await Deno.makeTempDir({
    prefix: "rnbd-bench-",
    ...(inMemory ? { dir: "/dev/shm" } : {}),
  });
  const image = `${directory}/disk.raw`;
  await writeSparseFile(image, DISK_BYTES);
  const args = (port: number) =>
    ["-f", "raw", "-b", "127.0.0.1", "-p", String(port), "--persistent", "-e", "8"].concat(image);
  const cleanUp = () => Deno.remove(directory, { recursive: true });
  return await startNbdServer(tools, settings, tools.qemuNbd, args, cleanUp);
}
