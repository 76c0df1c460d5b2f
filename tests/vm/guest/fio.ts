/** fio inside the guest. */
import { tryRun } from "../../support/process.ts";
import { type FioJob, parseFio } from "../../support/fio.ts";

/** One job description; names are fio's. */
export interface FioOptions {
  readonly filename: string;
  readonly rw: "read" | "write" | "randread" | "randwrite" | "randrw";
  readonly blockBytes: number;
  readonly iodepth: number;
  /** Per job. */
  readonly sizeBytes: number;
  readonly jobs?: number;
  /** Instead of stopping after `sizeBytes`. */
  readonly runtimeSeconds?: number;
  /** fio's arguments besides these. */
  readonly more?: readonly string[];
  readonly timeoutMs?: number;
}

const FIO_TIMEOUT_MS = 180_000;

/** fio's arguments; each job has a range of its own, so that they do not disturb each other. */
export function fioArguments(options: FioOptions): string[] {
  const jobs = options.jobs ?? 1;
  return [
    "--name=guest",
    `--filename=${options.filename}`,
    `--rw=${options.rw}`,
    `--bs=${options.blockBytes}`,
    `--iodepth=${options.iodepth}`,
    `--size=${options.sizeBytes}`,
    `--numjobs=${jobs}`,
    `--offset_increment=${options.sizeBytes}`,
    // A device that is gone by now must not become a file of its name.
    "--allow_file_create=0",
    ...["--direct=1", "--ioengine=io_uring", "--thread", "--group_reporting"],
    ...(options.runtimeSeconds === undefined
      ? []
      : ["--time_based", `--runtime=${options.runtimeSeconds}`]),
    "--output-format=json",
    ...(options.more ?? []),
  ];
}

/** Runs fio; its own errors are in the result. @throws when it does not report at all */
export async function fio(options: FioOptions): Promise<FioJob> {
  const { stdout, stderr } = await tryRun("fio", fioArguments(options), {
    timeoutMs: options.timeoutMs ?? FIO_TIMEOUT_MS,
  });
  try {
    return parseFio(stdout)[0]!;
  } catch {
    throw new Error(`fio printed no JSON:\n${stdout}\n${stderr}`);
  }
}

/** Arguments that make fio write checksums and read them back, ending at the first wrong one. */
export const VERIFY_CRC32C = [
  "--verify=crc32c",
  "--do_verify=1",
  "--verify_fatal=1",
  "--verify_dump=0",
];
