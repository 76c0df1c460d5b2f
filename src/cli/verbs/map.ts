/** `map` */
import type { MapRequest } from "../../appliance/appliance_api.ts";
import { pathProblem } from "../../appliance/config/addresses.ts";
import { devicePathProblem, sessnameProblem } from "../../appliance/config/names.ts";
import type { VerbArguments } from "../arguments.ts";
import { connect, wantsJson } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { mappingLines } from "../status_text.ts";

/** Makes a mapping in the running appliance. */
export const map: VerbRunner = async (args, { terminal }) => {
  const isJson = wantsJson(args);
  const mapping = await connect(args).map(readRequest(args));
  terminal.print(isJson ? JSON.stringify(mapping, null, 2) : mappingLines([mapping]).join("\n"));
  return EXIT.OK;
};

function readRequest(args: VerbArguments): MapRequest {
  const device_path = args.positional(0);
  const problem = devicePathProblem(device_path);
  if (problem !== null) args.refuse(`DEVICE_PATH: ${problem}`);
  const sessname = args.checked("sessname", sessnameProblem)!;
  const path = args.checked("path", pathProblem);
  const dest_port = args.integer("dest-port", 1, 65_535);
  if (dest_port !== undefined && path === undefined) {
    args.refuse("--dest-port says nothing without --path; give both or neither");
  }
  const name = args.text("name");
  const access_mode = args.choice("access-mode", ["ro", "rw", "migration"]);
  const expose = args.choice("expose", ["auto", "ublk", "nbd"]);
  return {
    sessname,
    device_path,
    ...(path === undefined ? {} : { paths: [path] }),
    ...(dest_port === undefined ? {} : { dest_port }),
    ...(name === undefined ? {} : { name }),
    ...(access_mode === undefined ? {} : { access_mode }),
    ...(expose === undefined ? {} : { expose }),
  };
}
