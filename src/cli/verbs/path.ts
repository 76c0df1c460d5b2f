/** `path` */
import type { PathRequest } from "../../appliance/appliance_api.ts";
import { pathProblem } from "../../appliance/config/addresses.ts";
import { nearestWord } from "../../appliance/config/did_you_mean.ts";
import { wordList } from "../../appliance/config/keys.ts";
import { sessnameProblem } from "../../appliance/config/names.ts";
import type { VerbArguments } from "../arguments.ts";
import { connect, wantsJson } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { sessionLines } from "../status_text.ts";

const ACTIONS = ["disconnect", "reconnect"] as const;

/** Disconnects or reconnects a path of a session, or all of them. */
export const path: VerbRunner = async (args, { terminal }) => {
  const isJson = wantsJson(args);
  const action = readAction(args);
  const request = readRequest(args);
  const client = connect(args);
  const session = action === "disconnect"
    ? await client.disconnectPath(request)
    : await client.reconnectPath(request);
  terminal.print(isJson ? JSON.stringify(session, null, 2) : sessionLines([session]).join("\n"));
  return EXIT.OK;
};

function readAction(args: VerbArguments): typeof ACTIONS[number] {
  const written = args.positional(0);
  const action = ACTIONS.find((candidate) => candidate === written);
  if (action !== undefined) return action;
  const meant = nearestWord(written, ACTIONS);
  const hint = meant === undefined ? `use ${wordList(ACTIONS)}` : `did you mean "${meant}"?`;
  return args.refuse(`ACTION: ${JSON.stringify(written)} is unknown; ${hint}`);
}

function readRequest(args: VerbArguments): PathRequest {
  const sessname = args.positional(1);
  const path = args.positional(2);
  const sessnameWrong = sessnameProblem(sessname);
  if (sessnameWrong !== null) args.refuse(`SESSION: ${sessnameWrong}`);
  if (path === "") return { sessname };
  const pathWrong = pathProblem(path);
  return pathWrong === null ? { sessname, path } : args.refuse(`PATH: ${pathWrong}`);
}
