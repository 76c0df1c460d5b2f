/** `verify` */
import type { VerifyResult } from "../../appliance/appliance_api.ts";
import { roundedSize } from "../../appliance/config/units.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { refuseOverwriting } from "../overwriting.ts";
import { printable } from "../output/printable.ts";
import { printer, recordSet } from "../output/result.ts";
import { whileWaiting } from "../progress.ts";

const BLOCK_BYTES_DEFAULT = 65_536;
const IODEPTH_DEFAULT = 32;
const IODEPTH_MAX = 65_535;
const SEED_MAX = 0xffff_ffff;

/** Writes patterns through a mapping and reads them back. */
export const verify: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const request = {
    name: args.positional(0),
    destroy_data: args.flag("destroy-data"),
    bytes: args.size("bytes") ?? 0,
    block_bytes: args.size("bs") ?? BLOCK_BYTES_DEFAULT,
    iodepth: args.integer("iodepth", 1, IODEPTH_MAX) ?? IODEPTH_DEFAULT,
    seed: args.integer("seed", 0, SEED_MAX) ?? 1,
  };
  const client = await connect(args);
  if (!request.destroy_data) await refuseOverwriting(args, client, request.bytes);
  const text = `verifying ${request.name}`;
  const result = await whileWaiting(terminal, text, () => client.verify(request));
  const record = { ...result, first_bad_offsets: result.first_bad_offsets.join(" ") };
  print({
    data: result,
    root: "verify",
    sets: [recordSet("verify", "VERIFY", Object.keys(record), [record])],
    lines: () => verifyLines(result),
  });
  return isGood(result) ? EXIT.OK : EXIT.FAILED;
};

/** Whether everything came back as it was written. */
export function isGood(result: VerifyResult): boolean {
  return result.bad_blocks === 0 && result.io_errors === 0 && result.first_error === null;
}

/** The result for people. */
export function verifyLines(result: VerifyResult): string[] {
  const { bytes_written, bytes_read, bad_blocks, first_bad_offsets, io_errors, first_error } =
    result;
  const seconds = (result.duration_ms / 1000).toFixed(1);
  return [
    `${result.name}: ${isGood(result) ? "ok" : "FAILED"}: ${roundedSize(bytes_written)} written, ` +
    `${roundedSize(bytes_read)} read back in ${seconds} s`,
    ...(bad_blocks === 0
      ? []
      : [`  ${bad_blocks} blocks are wrong, the first at bytes ${first_bad_offsets.join(", ")}`]),
    ...(io_errors === 0 ? [] : [`  ${io_errors} requests failed`]),
    ...(first_error === null ? [] : [`  first error: ${printable(first_error)}`]),
  ];
}
