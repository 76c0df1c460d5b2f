/** `bench` */
import type { BenchResult } from "../../appliance/appliance_api.ts";
import { roundedSize } from "../../appliance/config/units.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { BENCH_KINDS } from "../grammar/verbs_program.ts";
import { refuseOverwriting } from "../overwriting.ts";
import { printable } from "../output/printable.ts";
import { printer, recordSet } from "../output/result.ts";
import { whileWaiting } from "../progress.ts";

const BLOCK_BYTES_DEFAULT = 4096;
const IODEPTH_DEFAULT = 32;
const IODEPTH_MAX = 65_535;
const RUNTIME_MS_DEFAULT = 10_000;
const JOBS_MAX = 64;

/** Measures a mapping from inside the appliance. */
export const bench: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const request = {
    name: args.positional(0),
    rw: args.choice("rw", BENCH_KINDS) ?? "randread",
    block_bytes: args.size("bs") ?? BLOCK_BYTES_DEFAULT,
    iodepth: args.integer("iodepth", 1, IODEPTH_MAX) ?? IODEPTH_DEFAULT,
    runtime_ms: args.durationMs("runtime") ?? RUNTIME_MS_DEFAULT,
    jobs: args.integer("jobs", 0, JOBS_MAX) ?? 0,
    destroy_data: args.flag("destroy-data"),
  };
  const client = await connect(args);
  const isWriting = request.rw !== "read" && request.rw !== "randread";
  if (isWriting && !request.destroy_data) await refuseOverwriting(args, client, 0);
  const text = `measuring ${request.name}`;
  const result = await whileWaiting(terminal, text, () => client.bench(request));
  print({
    data: result,
    root: "bench",
    sets: [benchRows(result)],
    lines: () => benchLines(result),
  });
  return result.errors === 0 ? EXIT.OK : EXIT.FAILED;
};

function benchRows(result: BenchResult) {
  const { latency_us, ...figures } = result;
  const latency = Object.entries(latency_us).map(([key, value]) => [`latency_us_${key}`, value]);
  const record = { ...figures, ...Object.fromEntries(latency) };
  return recordSet("bench", "BENCH", Object.keys(record), [record]);
}

/** One line with the figures that matter most. */
export function benchSummary(result: BenchResult): string {
  const { iops, bytes_per_second, latency_us } = result;
  return `${Math.round(iops).toLocaleString("en-US")} IOPS, ${roundedSize(bytes_per_second)}/s, ` +
    `latency p50 ${latency_us.p50.toFixed(0)} µs, p99 ${latency_us.p99.toFixed(0)} µs`;
}

/** The result for people. */
export function benchLines(result: BenchResult): string[] {
  const { name, rw, block_bytes, iodepth, duration_ms, ios, errors, latency_us } = result;
  const latency = (["min", "mean", "p50", "p90", "p99", "p999", "max"] as const)
    .map((figure) => `${figure} ${latency_us[figure].toFixed(0)}`).join(", ");
  return [
    `${name}: ${rw}, ${roundedSize(block_bytes)}, depth ${iodepth}, ` +
    `${(duration_ms / 1000).toFixed(1)} s`,
    `  ${benchSummary(result)}`,
    `  latency µs: ${latency}`,
    `  ${ios} requests, ${errors} errors, ${result.enters_per_io.toFixed(3)} io_uring_enter ` +
    "per request",
    ...(result.first_error === null ? [] : [`  first error: ${printable(result.first_error)}`]),
  ];
}
