/** What the kernel says of this process (proc(5)). */
import { listSystemFolder, readSystemText } from "../../ffi/system_files.ts";

/** Named as Prometheus' client libraries name them. */
export interface ProcessFigures {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  readonly openFds: number;
  readonly maxFds: number;
  /** Unix time. */
  readonly startTimeSeconds: number;
}

/** Linux tells processor time in hundredths of a second wherever Deno runs. */
const TICKS_PER_SECOND = 100;
const PAGE_BYTES = 4096;
/** Fields of /proc/self/stat behind the name of the program, from 0. */
const STAT = { UTIME: 11, STIME: 12, VSIZE: 20, RSS: 21 } as const;

/** Reads them now. */
export function readProcessFigures(): ProcessFigures {
  const stat = readSystemText("/proc/self/stat");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ").map(Number);
  const limits = readSystemText("/proc/self/limits");
  const maxFds = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return {
    cpuSeconds: (fields[STAT.UTIME]! + fields[STAT.STIME]!) / TICKS_PER_SECOND,
    residentBytes: fields[STAT.RSS]! * PAGE_BYTES,
    virtualBytes: fields[STAT.VSIZE]!,
    openFds: listSystemFolder("/proc/self/fd").length,
    maxFds: maxFds === undefined ? Infinity : Number(maxFds),
    startTimeSeconds: Math.round(performance.timeOrigin) / 1000,
  };
}
