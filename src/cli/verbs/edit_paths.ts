/** `add`, `delete` and `readd` */
import type { PathEditRequest, SessionStatus } from "../../appliance/appliance_api.ts";
import { sessionResult } from "../common_results.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import type { ControlClient } from "../control_client.ts";
import { EXIT } from "../exit_codes.ts";
import { atClient } from "../grammar/words.ts";
import { hinted } from "../live_names.ts";
import { printer } from "../output/result.ts";
import { readPathEdit } from "../path_target.ts";
import { whileWaiting } from "../progress.ts";

const edit = (
  change: (client: ControlClient, request: PathEditRequest) => Promise<SessionStatus>,
): VerbRunner =>
async (args, { terminal }) => {
  const print = printer(args, terminal);
  const request = readPathEdit(args);
  const client = await connect(args);
  const text = `${args.verb.name} ${request.path} of ${request.sessname}`;
  const call = () => change(client, request);
  const session = await whileWaiting(
    terminal,
    text,
    () => hinted(client, request.sessname, atClient("session"), call),
  );
  print(sessionResult(session));
  return EXIT.OK;
};

/** Adds a path to a session. */
export const add: VerbRunner = edit((client, request) => client.addPath(request));

/** Takes a path away. */
export const remove: VerbRunner = edit((client, request) => client.deletePath(request));

/** Takes a path away and adds it again. */
export const readd: VerbRunner = edit(async (client, request) => {
  await client.deletePath(request);
  return await client.addPath(request);
});
