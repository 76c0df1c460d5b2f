/** The loads that every contender gets, the same for all. */

/** One load. */
export interface Job {
  readonly name: string;
  readonly rw: "read" | "randread" | "randwrite";
  readonly blockBytes: number;
  readonly iodepth: number;
}

/** Size of every disk; also what fio covers. */
export const DISK_BYTES = 256 * 2 ** 20;

/** In the order of the table. */
export const JOBS: readonly Job[] = [
  { name: "4k-randread-qd32", rw: "randread", blockBytes: 4096, iodepth: 32 },
  { name: "4k-randwrite-qd32", rw: "randwrite", blockBytes: 4096, iodepth: 32 },
  { name: "128k-read-qd16", rw: "read", blockBytes: 131_072, iodepth: 16 },
  { name: "4k-randread-qd1", rw: "randread", blockBytes: 4096, iodepth: 1 },
];

/** The job that latency is judged by. */
export const LATENCY_JOB = "4k-randread-qd1";

/** fio's job text; the same but for the address. */
export function fioJobText(job: Job, uri: string, runtimeSeconds: number): string {
  return `[${job.name}]
ioengine=nbd
uri=${uri}
rw=${job.rw}
bs=${job.blockBytes}
iodepth=${job.iodepth}
size=${DISK_BYTES}
time_based
runtime=${runtimeSeconds}
`;
}
