/** What of a status is kept over time, and under which keys. */
import { IO_OPERATIONS, type IoStatistics, type PathStatus, type Status } from "../../status.ts";
import type { History } from "./history.ts";

/** Figures of what does I/O: mappings and exports, each and together. */
export const IO = {
  readIos: 0,
  writeIos: 1,
  readBytes: 2,
  writeBytes: 3,
  otherIos: 4,
  errors: 5,
} as const;
const IO_WIDTH = 6;

/** Figures of a path. */
export const PATH = { rxBytes: 0, txBytes: 1 } as const;

/** Keys in the history. */
export const keyOf = {
  allMappings: "mappings",
  allExports: "exports",
  mapping: (name: string) => `mapping ${name}`,
  export: (device: string) => `export ${device}`,
  /** One value: the IOPS of the busiest one. */
  busiestMapping: "busiest mapping",
  /** `side`: paths to servers, or those that clients opened here. */
  path: (side: "session" | "client", sessname: string, path: PathStatus) =>
    JSON.stringify([side, sessname, path.src_addr, path.dst_addr]),
  /** One value: requests in flight. */
  inflight: (side: "session" | "client") => `inflight ${side}`,
} as const;

/** Requests that failed, of all operations. */
export const errorsIn = (io: IoStatistics): number =>
  IO_OPERATIONS.reduce((sum, operation) => sum + io[operation].errors, 0);

function totalsOf(io: IoStatistics): number[] {
  const { read, write, flush, discard, write_zeroes } = io;
  const others = flush.ios + discard.ios + write_zeroes.ios;
  return [read.ios, write.ios, read.bytes, write.bytes, others, errorsIn(io)];
}

/** @returns the IOPS of the busiest part */
function recordIo(
  history: History,
  together: string,
  parts: Iterable<readonly [key: string, io: IoStatistics]>,
): number {
  let busiest = NaN;
  const sums = new Array<number>(IO_WIDTH).fill(NaN);
  for (const [key, io] of parts) {
    const rates = history.recordTotals(key, totalsOf(io));
    const iops = rates[IO.readIos]! + rates[IO.writeIos]!;
    if (!(busiest >= iops)) busiest = iops;
    rates.forEach((rate, index) => {
      if (!Number.isNaN(rate)) sums[index] = (Number.isNaN(sums[index]!) ? 0 : sums[index]!) + rate;
    });
  }
  history.recordValues(together, sums);
  return busiest;
}

function recordPaths(
  history: History,
  side: "session" | "client",
  owners: readonly { readonly sessname: string; readonly paths: readonly PathStatus[] }[],
): void {
  for (const { sessname, paths } of owners) {
    for (const path of paths) {
      const totals = [path.rx_bytes, path.tx_bytes];
      history.recordTotals(keyOf.path(side, sessname, path), totals);
    }
  }
}

/** Requests in flight of all paths. */
export const inflightOf = (owners: readonly { readonly paths: readonly PathStatus[] }[]): number =>
  owners.reduce((sum, { paths }) => paths.reduce((sub, { inflight }) => sub + inflight, sum), 0);

/**
 * Takes one sample of everything.
 * @param atMs wall clock
 * @param elapsedMs since the status before by the clock of the appliance; NaN after its restart
 */
export function recordStatus(
  history: History,
  status: Status,
  atMs: number,
  elapsedMs: number,
): void {
  history.begin(atMs, elapsedMs);
  const { mappings, exports, sessions, clients } = status;
  const named = mappings.map(({ name, io }) => [keyOf.mapping(name), io] as const);
  history.recordValues(keyOf.busiestMapping, [recordIo(history, keyOf.allMappings, named)]);
  recordIo(history, keyOf.allExports, exports.map(({ device, io }) => [keyOf.export(device), io]));
  recordPaths(history, "session", sessions);
  recordPaths(history, "client", clients);
  history.recordValues(keyOf.inflight("session"), [inflightOf(sessions)]);
  const atServer = clients.reduce((sum, { inflight }) => sum + inflight, 0);
  history.recordValues(keyOf.inflight("client"), [atServer]);
  history.end();
}
