/** What is held on the machine: RDMA objects, memory, descriptors. */
import { openFiles, residentBytes, run } from "../../support/process.ts";
import { RDMA_DEVICE } from "./network.ts";

/** Counts of things that come and go with sessions. */
export interface Resources {
  /** Of the RDMA device, by kind: qp, cq, mr, pd, cm_id, ctx. */
  readonly rdma: Readonly<Record<string, number>>;
  /** What the kernel holds for itself and does not give up for others. */
  readonly kernelBytes: number;
  readonly processes: readonly { readonly fds: number; readonly residentBytes: number }[];
}

const KERNEL_KEYS = ["SUnreclaim", "VmallocUsed", "Percpu", "KernelStack", "PageTables"];

function kernelBytes(): number {
  const text = Deno.readTextFileSync("/proc/meminfo");
  let sum = 0;
  for (const key of KERNEL_KEYS) {
    sum += Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, "m").exec(text)![1]) * 1024;
  }
  return sum;
}

/** Looks at the machine and at these processes. */
export async function takeResources(pids: readonly number[]): Promise<Resources> {
  await Deno.writeTextFile("/proc/sys/vm/drop_caches", "3");
  const { stdout } = await run("rdma", ["-j", "resource", "show"]);
  const shown = (JSON.parse(stdout) as Record<string, unknown>[])
    .find(({ ifname }) => ifname === RDMA_DEVICE) ?? {};
  const rdma: Record<string, number> = {};
  for (const [kind, value] of Object.entries(shown)) {
    if (typeof value === "number" && kind !== "ifindex") rdma[kind] = value;
  }
  return {
    rdma,
    kernelBytes: kernelBytes(),
    processes: pids.map((pid) => ({
      fds: openFiles(pid).length,
      residentBytes: residentBytes(pid),
    })),
  };
}

/** How much more may be held after many rounds than before, without calling it a leak. */
const KERNEL_SLACK_BYTES = 8 << 20;
const RESIDENT_SLACK_BYTES = 24 << 20;

/** What has become more, in words; empty when nothing has. */
export function findGrowth(before: Resources, after: Resources): string[] {
  const growth: string[] = [];
  for (const kind of new Set([...Object.keys(before.rdma), ...Object.keys(after.rdma)])) {
    const from = before.rdma[kind] ?? 0;
    const to = after.rdma[kind] ?? 0;
    if (from !== to) growth.push(`RDMA ${kind}: ${from} before, ${to} after`);
  }
  const grown = (what: string, from: number, to: number, slack: number) => {
    if (to - from > slack) growth.push(`${what}: ${from} before, ${to} after`);
  };
  grown("bytes of the kernel", before.kernelBytes, after.kernelBytes, KERNEL_SLACK_BYTES);
  for (const [index, process] of before.processes.entries()) {
    const now = after.processes[index]!;
    grown(`descriptors of process ${index}`, process.fds, now.fds, 0);
    const resident = [process.residentBytes, now.residentBytes] as const;
    grown(`resident bytes of process ${index}`, ...resident, RESIDENT_SLACK_BYTES);
  }
  return growth;
}
