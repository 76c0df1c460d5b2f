/** The loads that every contender gets, the same for all. */
import type { FioOptions } from "../../tests/vm/guest/fio.ts";

/** One load. */
export interface VmJob {
  readonly name: string;
  readonly rw: FioOptions["rw"];
  readonly blockBytes: number;
  readonly iodepth: number;
}

/** Size of every RAM disk; fio covers it all. */
export const DISK_BYTES = 64 * 2 ** 20;

/**
 * In the order of the table. The kernel's RNBD server takes up to 124 KiB at a time: there the
 * block layer splits each request of 128 KiB in two.
 */
export const JOBS: readonly VmJob[] = [
  { name: "4k-randread-qd1", rw: "randread", blockBytes: 4096, iodepth: 1 },
  { name: "4k-randwrite-qd1", rw: "randwrite", blockBytes: 4096, iodepth: 1 },
  { name: "4k-randread-qd32", rw: "randread", blockBytes: 4096, iodepth: 32 },
  { name: "4k-randwrite-qd32", rw: "randwrite", blockBytes: 4096, iodepth: 32 },
  { name: "128k-read-qd8", rw: "read", blockBytes: 131_072, iodepth: 8 },
  { name: "128k-write-qd8", rw: "write", blockBytes: 131_072, iodepth: 8 },
];
