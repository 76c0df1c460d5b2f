/** `resize` */
import { parseSize } from "../../appliance/config/units.ts";
import type { VerbArguments } from "../arguments.ts";
import { mappingResult } from "../common_results.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { aboutMapping } from "../live_names.ts";
import { printer } from "../output/result.ts";

const SECTOR_BYTES = 512;

/** Takes over the size that a device has at its server now. */
export const resize: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const size = readSize(args);
  const client = await connect(args);
  const mapping = await aboutMapping(
    client,
    args.positional(0),
    (name) => client.resize({ name, ...(size === undefined ? {} : { size_bytes: size }) }),
  );
  print(mappingResult(mapping));
  return EXIT.OK;
};

function readSize(args: VerbArguments): number | undefined {
  const written = args.positional(1);
  if (written === "") return undefined;
  const size = parseSize(written);
  if (size !== undefined && size > 0 && size % SECTOR_BYTES === 0) return size;
  const wrong = `${JSON.stringify(written)} is no size of a device`;
  return args.refuse(`SIZE: ${wrong}; write for example 20GiB, a multiple of ${SECTOR_BYTES}`);
}
