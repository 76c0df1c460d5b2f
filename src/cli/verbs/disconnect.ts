/** `disconnect` and `reconnect` */
import { sessionResult } from "../common_results.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { hinted } from "../live_names.ts";
import { printable } from "../output/printable.ts";
import { printer, recordSet } from "../output/result.ts";
import { readPathTarget } from "../path_target.ts";

/** Closes a session's paths, or one; at the server it drops the client. */
export const disconnect: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const client = await connect(args);
  const { mode, request } = await readPathTarget(args, client);
  const { sessname, path } = request;
  const targets = args.verb.targets!;
  if (mode === "client") {
    const call = () => client.disconnectPath(request);
    print(sessionResult(await hinted(client, sessname, targets, call)));
    return EXIT.OK;
  }
  await hinted(client, sessname, targets, () => client.disconnectClient(request));
  const record = { sessname, path: path ?? null, result: "disconnected" };
  print({
    data: record,
    root: "rnbd",
    sets: [recordSet("client", "CLIENT", ["sessname", "path", "result"], [record])],
    lines: () => [`${printable(sessname)}${path === undefined ? "" : ` ${path}`}: disconnected`],
  });
  return EXIT.OK;
};

/** Starts to connect a session's paths, or one, anew. */
export const reconnect: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const client = await connect(args);
  const { request } = await readPathTarget(args, client);
  const call = () => client.reconnectPath(request);
  print(sessionResult(await hinted(client, request.sessname, args.verb.targets!, call)));
  return EXIT.OK;
};
