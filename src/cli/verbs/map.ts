/** `map` */
import type { MapRequest, Status } from "../../appliance/appliance_api.ts";
import { pathProblem } from "../../appliance/config/addresses.ts";
import { nearestWord } from "../../appliance/config/did_you_mean.ts";
import { devicePathProblem, sessnameProblem } from "../../appliance/config/names.ts";
import type { VerbArguments } from "../arguments.ts";
import { mappingResult } from "../common_results.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import type { ControlClient } from "../control_client.ts";
import { EXIT } from "../exit_codes.ts";
import { printer } from "../output/result.ts";
import { whileWaiting } from "../progress.ts";

/** Makes a mapping in the running appliance. */
export const map: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const form = readForm(args);
  const client = await connect(args);
  const request = await completeRequest(args, form, client);
  const mapping = await whileWaiting(
    terminal,
    `mapping ${request.device_path} from ${request.sessname}`,
    () => client.map(request),
  );
  print(mappingResult(mapping));
  return EXIT.OK;
};

/** What was written, checked as far as that is possible without the appliance. */
interface Form {
  readonly request: Omit<MapRequest, "sessname" | "paths">;
  /** `from SERVER`, in place of `--sessname`. */
  readonly server: string | undefined;
  readonly sessname: string | undefined;
  readonly paths: readonly string[];
}

function readForm(args: VerbArguments): Form {
  const device_path = args.positional(0);
  const problem = devicePathProblem(device_path);
  if (problem !== null) args.refuse(`DEVICE_PATH: ${problem}`);
  const sessname = args.checked("sessname", sessnameProblem);
  const server = args.text("from");
  if (sessname === undefined && server === undefined) {
    args.refuse("--sessname SESSNAME is missing; or write: from SERVER");
  }
  const paths = [...args.texts("path"), ...args.positionalsFrom(1)];
  for (const path of paths) {
    const wrong = pathProblem(path);
    if (wrong !== null) args.refuse(`--path: ${wrong}`);
  }
  const dest_port = args.integer("dest-port", 1, 65_535);
  const isAddressed = paths.length > 0 || (server !== undefined && isAddress(server));
  if (dest_port !== undefined && !isAddressed) {
    args.refuse("--dest-port says nothing without --path; give both or neither");
  }
  const name = args.text("name");
  const access_mode = args.choice("access-mode", ["ro", "rw", "migration"]);
  const expose = args.choice("expose", ["auto", "ublk", "nbd"]);
  const request = {
    device_path,
    ...(dest_port === undefined ? {} : { dest_port }),
    ...(name === undefined ? {} : { name }),
    ...(access_mode === undefined ? {} : { access_mode }),
    ...(expose === undefined ? {} : { expose }),
  };
  return { request, server, sessname, paths };
}

const isAddress = (server: string) => /^(ip|gid|tcp):/.test(server);

async function completeRequest(
  args: VerbArguments,
  { request, server, sessname, paths }: Form,
  client: ControlClient,
): Promise<MapRequest> {
  if (server === undefined) return withPaths(request, sessname!, paths);
  if (isAddress(server)) {
    const wrong = pathProblem(server);
    if (wrong !== null) args.refuse(`SERVER: ${wrong}`);
    const all = [...new Set([server, ...paths])];
    const called = sessname ??
      sessionNameFor((await client.status()).node, server, request.dest_port);
    return withPaths(request, called, all);
  }
  if (sessname !== undefined && sessname !== server) {
    args.refuse("--sessname and from SERVER both name the session; give one");
  }
  if (paths.length === 0) checkKnown(args, server, await client.status());
  const wrong = sessnameProblem(server);
  if (wrong !== null) args.refuse(`SERVER: ${wrong}`);
  return withPaths(request, server, paths);
}

function withPaths(
  request: Form["request"],
  sessname: string,
  paths: readonly string[],
): MapRequest {
  return { sessname, ...request, ...(paths.length === 0 ? {} : { paths }) };
}

function checkKnown(args: VerbArguments, server: string, { sessions }: Status): void {
  const names = sessions.map(({ sessname }) => sessname);
  if (names.includes(server)) return;
  const meant = nearestWord(server, names);
  const hint = meant === undefined
    ? "give its address, as from tcp:192.0.2.1, or its paths after its name"
    : `did you mean ${JSON.stringify(meant)}?`;
  args.refuse(`There is no session ${JSON.stringify(server)}; ${hint}`);
}

/**
 * Name of the session to a server that is named by its address: as in the originals
 * `<host>@<server>`, with "-" for what session names cannot have.
 * @param path `[source,]destination`
 * @param destPort when it is not the usual one: another server may be behind another port
 */
export function sessionNameFor(node: string, path: string, destPort: number | undefined): string {
  const server = path.split(/[,@]/).at(-1)!;
  const port = destPort === undefined ? "" : `:${destPort}`;
  return `${node}@${server}${port}`.replaceAll(/[/.]/g, "-");
}
