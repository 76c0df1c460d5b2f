/** `resize` */
import { parseSize } from "../../appliance/config/units.ts";
import type { VerbArguments } from "../arguments.ts";
import { connect, wantsJson } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { mappingLines } from "../status_text.ts";

const SECTOR_BYTES = 512;

/** Takes over the size that a device has at its server now. */
export const resize: VerbRunner = async (args, { terminal }) => {
  const isJson = wantsJson(args);
  const size = readSize(args);
  const request = { name: args.positional(0), ...(size === undefined ? {} : { size_bytes: size }) };
  const mapping = await connect(args).resize(request);
  terminal.print(isJson ? JSON.stringify(mapping, null, 2) : mappingLines([mapping]).join("\n"));
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
