/** Which session, or path of it, a verb about sessions and paths means. */
import type { PathRequest, Status } from "../appliance/appliance_api.ts";
import { pathProblem } from "../appliance/config/addresses.ts";
import { sessnameProblem } from "../appliance/config/names.ts";
import type { VerbArguments } from "./arguments.ts";
import type { ControlClient } from "./control_client.ts";
import type { Mode, Target } from "./grammar/spec.ts";
import { findAll, findOne } from "./lookup.ts";

/** A session or a path, and whose it is. */
export interface PathTarget {
  readonly mode: Mode;
  readonly request: PathRequest;
}

/** What looks like an address needs no looking up: it is right, or wrong. */
const isAddress = (word: string) => /^(ip|gid|tcp):/.test(word);

/**
 * Reads `SESSION [PATH]` or `PATH`.
 * @throws UsageError, ApplianceError
 */
export async function readPathTarget(
  args: VerbArguments,
  client: ControlClient,
): Promise<PathTarget> {
  const name = args.positional(0);
  const path = args.positional(1);
  if (isAddress(path)) checkPath(args, path);
  const mode = onlyMode(args);
  const isPlain = sessnameProblem(name) === null;
  if (mode === "client" && isPlain && isAddress(path)) {
    return { mode, request: { sessname: name, path } };
  }
  const status = await client.status();
  if (path !== "") {
    const session = findOne(args, name, status, onSide(args).filter(isSession));
    return { mode: session.target.mode, request: request(name, ownPath(args, path, name, status)) };
  }
  const targets = looseTargets(args);
  if (mode === "client" && isPlain && findAll(name, status, targets).length === 0) {
    // The appliance says what it thinks of that name.
    return { mode, request: { sessname: name } };
  }
  const found = findOne(args, name, status, targets);
  const isPath = found.target.thing === "path";
  return {
    mode: found.target.mode,
    request: request(found.sessname, isPath ? found.name : ""),
  };
}

/** Reads `SESSION PATH` for the client's side, where the path may not exist yet. */
export function readPathEdit(args: VerbArguments): { sessname: string; path: string } {
  const sessname = args.positional(0);
  const wrong = sessnameProblem(sessname);
  if (wrong !== null) args.refuse(`SESSION: ${wrong}`);
  return { sessname, path: checkPath(args, args.positional(1)) };
}

function checkPath(args: VerbArguments, path: string): string {
  const wrong = pathProblem(path);
  return wrong === null ? path : args.refuse(`PATH: ${wrong}`);
}

function request(sessname: string, path: string): PathRequest {
  return path === "" ? { sessname } : { sessname, path };
}

const isSession = ({ thing }: Target) => thing === "session";

/** `path disconnect backup` means all paths of backup: sessions count as well as paths. */
function looseTargets(args: VerbArguments): readonly Target[] {
  return args.scope.thing === "session" ? onSide(args).filter(isSession) : onSide(args);
}

/** What the verb takes, on the side that was named. */
function onSide(args: VerbArguments): readonly Target[] {
  const { mode } = args.scope;
  return args.verb.targets!.filter((target) => mode === undefined || target.mode === mode);
}

/** The side, when only one is possible. */
function onlyMode(args: VerbArguments): Mode | undefined {
  if (args.scope.mode !== undefined) return args.scope.mode;
  const modes = new Set(args.verb.targets!.map(({ mode }) => mode));
  return modes.size === 1 ? [...modes][0] : undefined;
}

/** `hca:port` and `session:port` are names of paths too. */
function ownPath(args: VerbArguments, path: string, sessname: string, status: Status): string {
  if (isAddress(path)) return path;
  const found = findAll(path, status, onSide(args).filter(({ thing }) => thing === "path"))
    .filter((one) => one.sessname === sessname);
  if (found.length === 1) return found[0]!.name;
  if (found.length === 0) return checkPath(args, path);
  const names = found.map(({ name }) => name).join(", ");
  return args.refuse(`${JSON.stringify(path)} can mean ${names}; write the addresses`);
}
