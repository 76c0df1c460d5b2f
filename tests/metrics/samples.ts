/** Statuses and counts for what is rendered in tests. */
import { ArenaAllocator, plainArena } from "../../src/ring/arena.ts";
import { IO_ROW } from "../../src/rnbd/io_statistics.ts";
import { type IoAccount, IoLedger } from "../../src/appliance/metrics/io_ledger.ts";
import { MetricsText } from "../../src/appliance/metrics/metrics_text.ts";
import type { ProcessFigures } from "../../src/appliance/metrics/process_figures.ts";
import type { Status } from "../../src/appliance/status.ts";
import { MAPPING, STATUS } from "../control_api/fake_status.ts";

export const PROCESS: ProcessFigures = {
  cpuSeconds: 12.5,
  residentBytes: 1e8,
  virtualBytes: 1e10,
  openFds: 20,
  maxFds: 1024,
  startTimeSeconds: 1_700_000_000.25,
};

/** A ledger with memory of its own. */
export function newLedger(reactors = 2, idleMax?: number) {
  const memory = new ArenaAllocator(plainArena(2 ** 24));
  return { memory, ledger: new IoLedger(memory, reactors, idleMax) };
}

/** Counts as a reactor does: `count` requests of `operation` that fell into `bucket`. */
export function count(
  memory: ArenaAllocator,
  account: IoAccount,
  reactor: number,
  operation: number,
  bucket: number,
  count = 1,
): void {
  const at = (account.rows[reactor]! + operation) * IO_ROW.FLOATS;
  const { f64 } = memory.arena;
  f64[at + IO_ROW.BUCKETS + bucket]! += count;
  f64[at + IO_ROW.BYTES]! += 4096 * count;
  f64[at + IO_ROW.LATENCY_SUM_US]! += 2 ** bucket * count;
}

/** A status with `mappings` mappings over `sessions` sessions. */
export function largeStatus(mappings: number, sessions: number): Status {
  const [session] = STATUS.sessions;
  return {
    ...STATUS,
    mappings: Array.from({ length: mappings }, (_, i) => ({
      ...MAPPING,
      name: `disk-${i}`,
      sessname: `store-${i % sessions}`,
      device_path: `disks/disk-${i}.img`,
    })),
    sessions: Array.from({ length: sessions }, (_, i) => ({
      ...session!,
      sessname: `store-${i}`,
    })),
  };
}

/** Everything there can be: every family has a sample. */
export function fullText(): string {
  const { memory, ledger } = newLedger();
  const account = ledger.open("scratch");
  for (const operation of [0, 1, 2, 3, 5]) count(memory, account, 0, operation, 7);
  const disks = ledger.histograms();
  const { memory: pathMemory, ledger: paths } = newLedger();
  const path = paths.open("backup/tcp:127.0.0.1,tcp:127.0.0.2");
  for (const operation of [0, 1]) count(pathMemory, path, 1, operation, 7);
  const rejections = { ...STATUS.rejections, io_out_of_range: 3 };
  const reactors = STATUS.reactors.map(({ index }) => ({
    index,
    counters: { io_uring_enters: 7, heap_bytes: 1e6, nbd_requests: 5 },
  }));
  return new MetricsText().render({
    status: { ...STATUS, rejections, reactors },
    process: PROCESS,
    mappings: disks,
    exports: disks,
    paths: paths.histograms(),
  });
}
