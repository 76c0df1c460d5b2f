/**
 * The guest's program: `guest.ts PLAN.json` starts the contenders and runs round by round, job by
 * job, one contender after the other.
 */
import type { FioJob } from "../../tests/support/fio.ts";
import { run } from "../../tests/support/process.ts";
import { fio } from "../../tests/vm/guest/fio.ts";
import { queueLimit } from "../../tests/vm/guest/media.ts";
import { setUpRdma } from "../../tests/vm/guest/network.ts";
import type { PeerProcess } from "../../tests/vm/guest/peers.ts";
import { RecordsPort } from "../../tests/vm/guest/records_port.ts";
import { CONTENDER_NAMES, type ContenderName } from "./contender_names.ts";
import { type Contender, Stage } from "./contenders.ts";
import { DISK_BYTES, type VmJob } from "./jobs.ts";
import type { CountersPerIo, RunRecord, VmBenchPlan, VmBenchRecord } from "./records.ts";

/**
 * While all of the guest waits for the host (for a file, say), its clock jumps from timer to timer,
 * so that on a busy host time-outs come early.
 */
const TIMEOUT_MS = 3_600_000;

/** One RAM disk for each contender, every page of it there. */
async function setUpDisks(): Promise<void> {
  const count = CONTENDER_NAMES.length;
  await run("modprobe", ["brd", `rd_nr=${count}`, `rd_size=${DISK_BYTES / 1024}`]);
  for (let index = 0; index < count; index++) {
    const sizes = ["bs=1M", `count=${DISK_BYTES / 2 ** 20}`, "oflag=direct"];
    await run("dd", ["if=/dev/zero", `of=/dev/ram${index}`, ...sizes], { timeoutMs: TIMEOUT_MS });
  }
}

async function countsOf(process: PeerProcess | undefined): Promise<CountersPerIo | null> {
  return process === undefined ? null : await process.counters();
}

function perIo(before: CountersPerIo | null, after: CountersPerIo | null, ios: number) {
  if (before === null || after === null) return null;
  const entries = Object.entries(after).map(([name, value]) =>
    [name, (value - (before[name] ?? 0)) / ios] as const
  );
  return Object.fromEntries(entries.filter(([, value]) => value !== 0));
}

/** I/O that went past a program of ours would be measured as something that it is not. */
function requireIo(who: string, counters: CountersPerIo | null, names: readonly string[]): void {
  if (counters === null) return;
  const share = names.reduce((sum, name) => sum + (counters[name] ?? 0), 0);
  if (share < 0.5) throw new Error(`${who} saw only ${share} of each I/O`);
}

type Load = Omit<VmJob, "name">;

async function load(contender: Contender, job: Load, runtimeMs: number): Promise<FioJob> {
  const result = await fio({
    filename: contender.path,
    rw: job.rw,
    blockBytes: job.blockBytes,
    iodepth: job.iodepth,
    sizeBytes: DISK_BYTES,
    more: ["--time_based", `--runtime=${runtimeMs}ms`, "--norandommap"],
    timeoutMs: TIMEOUT_MS,
  });
  if (result.error !== 0) throw new Error(`fio on ${contender.path}: errno ${result.error}`);
  return result;
}

/** Servers run for months, a measurement half a second: their code is to be compiled by then. */
async function warmUp(contender: Contender, runtimeMs: number): Promise<void> {
  if (contender.client === undefined && contender.server === undefined) return;
  // What is warm at one depth is not at another.
  for (const iodepth of [32, 1]) {
    await load(contender, { rw: "randrw", blockBytes: 4096, iodepth }, runtimeMs);
  }
}

type Figures = Omit<RunRecord, "kind" | "contender" | "job" | "round">;

async function measure(contender: Contender, job: VmJob, runtimeMs: number): Promise<Figures> {
  const look = async () => ({
    client: await countsOf(contender.client),
    server: await countsOf(contender.server),
  });
  const before = await look();
  const result = await load(contender, job, runtimeMs);
  const after = await look();
  const direction = job.rw.endsWith("read") ? result.read : result.write;
  const client = perIo(before.client, after.client, direction.total_ios);
  const server = perIo(before.server, after.server, direction.total_ios);
  requireIo(`our client at ${contender.path}`, client, ["ublk_requests"]);
  requireIo(`our server of ${contender.path}`, server, ["server_reads", "server_writes"]);
  return {
    iops: direction.iops,
    latencyMeanUs: direction.lat_ns.mean / 1000,
    latencyP99Us: (direction.clat_ns.percentile?.["99.000000"] ?? 0) / 1000,
    client,
    server,
  };
}

async function main(): Promise<void> {
  const plan = JSON.parse(await Deno.readTextFile(Deno.args[0]!)) as VmBenchPlan;
  const port = new RecordsPort<VmBenchRecord>();
  await setUpRdma();
  await setUpDisks();
  const stage = new Stage(plan);
  const contenders = new Map<ContenderName, Contender>();
  for (const name of plan.contenders) {
    const contender = await stage.start(name);
    contenders.set(name, contender);
    const maxIoKiB = Number(await queueLimit(contender.path, "max_sectors_kb"));
    port.write({ kind: "started", contender: name, maxIoKiB });
  }
  for (const contender of contenders.values()) await warmUp(contender, plan.warmUpMs);
  for (let round = 1; round <= plan.rounds; round++) {
    for (const job of plan.jobs) {
      for (const [name, contender] of contenders) {
        const figures = await measure(contender, job, plan.runtimeMs);
        port.write({ kind: "run", contender: name, job: job.name, round, ...figures });
      }
    }
  }
  // The guest ends with this: nothing is stopped in order.
  Deno.exit(0);
}

await main();
