/** `set` */
import type { SessionChangeRequest } from "../../appliance/appliance_api.ts";
import { nearestWord } from "../../appliance/config/did_you_mean.ts";
import { wordList } from "../../appliance/config/keys.ts";
import { sessnameProblem } from "../../appliance/config/names.ts";
import type { VerbArguments } from "../arguments.ts";
import { sessionResult } from "../common_results.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { hinted } from "../live_names.ts";
import { printer } from "../output/result.ts";

/** As the originals' sysfs file takes them. */
const POLICIES: Readonly<Record<string, NonNullable<SessionChangeRequest["mpath_policy"]>>> = {
  "round-robin": "round-robin",
  rr: "round-robin",
  "min-inflight": "min-inflight",
  mi: "min-inflight",
  "min-latency": "min-latency",
  ml: "min-latency",
};

const ATTEMPTS_MAX = 9999;

/** What can be set. */
export const SETTINGS = ["mpath_policy", "max_reconnect_attempts"] as const;

/** Changes a session while it is in use. */
export const set: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const request = readRequest(args);
  const client = await connect(args);
  const call = () => client.changeSession(request);
  print(sessionResult(await hinted(client, request.sessname, args.verb.targets!, call)));
  return EXIT.OK;
};

function readRequest(args: VerbArguments): SessionChangeRequest {
  const sessname = args.positional(0);
  const wrong = sessnameProblem(sessname);
  if (wrong !== null) args.refuse(`SESSION: ${wrong}`);
  let request: SessionChangeRequest = { sessname };
  for (const written of args.positionalsFrom(1)) {
    const at = written.indexOf("=");
    if (at < 0) args.refuse(`${JSON.stringify(written)} is no KEY=VALUE`);
    const key = readKey(args, written.slice(0, at));
    if (request[key] !== undefined) args.refuse(`${key} is given twice`);
    request = { ...request, ...readValue(args, key, written.slice(at + 1)) };
  }
  return request;
}

function readKey(args: VerbArguments, written: string): typeof SETTINGS[number] {
  // What the column of sessions is called.
  const plain = written === "mp" ? "mpath_policy" : written.replaceAll("-", "_");
  const key = SETTINGS.find((candidate) => candidate === plain);
  if (key !== undefined) return key;
  const meant = nearestWord(plain, SETTINGS);
  const hint = meant === undefined ? `use ${wordList(SETTINGS)}` : `did you mean "${meant}"?`;
  return args.refuse(`${JSON.stringify(written)} cannot be set; ${hint}`);
}

function readValue(
  args: VerbArguments,
  key: typeof SETTINGS[number],
  value: string,
): Partial<SessionChangeRequest> {
  if (key === "mpath_policy") {
    const policy = Object.hasOwn(POLICIES, value) ? POLICIES[value]! : undefined;
    if (policy !== undefined) return { mpath_policy: policy };
    const meant = nearestWord(value, Object.keys(POLICIES));
    const hint = meant === undefined
      ? "use round-robin, min-inflight or min-latency"
      : `did you mean "${meant}"?`;
    return args.refuse(`mpath_policy: ${JSON.stringify(value)} is unknown; ${hint}`);
  }
  const attempts = /^-?\d+$/.test(value) ? Number(value) : NaN;
  if (attempts >= -1 && attempts <= ATTEMPTS_MAX) return { max_reconnect_attempts: attempts };
  const allowed = `-1 (for ever) or a whole number to ${ATTEMPTS_MAX}`;
  return args.refuse(`max_reconnect_attempts: ${JSON.stringify(value)} is not ${allowed}`);
}
