/** fio's JSON as far as it is needed, shared by the tests and the benchmark. */

/** One direction of a job. */
export interface FioDirection {
  readonly total_ios: number;
  readonly iops: number;
  /** Bytes a second. */
  readonly bw_bytes: number;
  /** From submission to completion. */
  readonly lat_ns: { readonly mean: number };
  /** Completion latency; keys are like `99.000000`. */
  readonly clat_ns: { readonly percentile?: Record<string, number> };
}

/** One job of the output. */
export interface FioJob {
  readonly jobname: string;
  /** errno of the first error, 0 without; 84 (EILSEQ) is what a failed verification gives. */
  readonly error: number;
  readonly read: FioDirection;
  readonly write: FioDirection;
}

/** fio's errno for a block whose content is wrong. */
export const FIO_VERIFY_ERROR = 84;

/** Parses `--output-format=json`; the nbd engine prints lines of its own before it. */
export function parseFio(stdout: string): FioJob[] {
  const start = stdout.indexOf("{\n");
  if (start < 0) throw new Error(`fio printed no JSON:\n${stdout}`);
  return (JSON.parse(stdout.slice(start)) as { jobs: FioJob[] }).jobs;
}
