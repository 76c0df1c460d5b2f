/** What a number cannot be read without: machine, kernel, versions, load, commit. */
import { tryRun } from "../tests/support/process.ts";
import type { Tools } from "./contenders.ts";

/** The manifest of a run. */
export interface Machine {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly kernel: string;
  readonly arch: string;
  /** 1, 5 and 15 minutes, before the first run. */
  readonly loadAverage: readonly number[];
  readonly versions: Readonly<Record<string, string>>;
}

async function firstLine(command: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout, stderr } = await tryRun(command, args, { timeoutMs: 10_000 });
    return (stdout + stderr).split("\n")[0]!.trim();
  } catch {
    return "unknown";
  }
}

async function commit(): Promise<string> {
  const head = await firstLine("git", ["rev-parse", "--short", "HEAD"]);
  const changes = await firstLine("git", ["status", "--porcelain", "--untracked-files=no"]);
  return changes === "" || changes === "unknown" ? head : `${head} with changes`;
}

/** Looks at this machine now. */
export async function describeMachine(tools: Tools): Promise<Machine> {
  const cpuInfo = await Deno.readTextFile("/proc/cpuinfo");
  return {
    date: new Date().toISOString(),
    commit: await commit(),
    cpu: /^model name\s*:\s*(.*)$/m.exec(cpuInfo)?.[1] ?? "unknown",
    cores: navigator.hardwareConcurrency,
    memoryBytes: Deno.systemMemoryInfo().total,
    kernel: Deno.osRelease(),
    arch: Deno.build.arch,
    loadAverage: Deno.loadavg(),
    versions: {
      deno: Deno.version.deno,
      fio: await firstLine(tools.fio, ["--version"]),
      nbdkit: await firstLine(tools.nbdkit, ["--version"]),
      "qemu-nbd": await firstLine(tools.qemuNbd, ["--version"]),
    },
  };
}
