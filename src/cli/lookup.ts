/** Finds what a name of the command line stands for among what the appliance has. */
import { ApplianceError, type PathStatus, type Status } from "../appliance/appliance_api.ts";
import { nearestWord } from "../appliance/config/did_you_mean.ts";
import type { VerbArguments } from "./arguments.ts";
import { baseName } from "./columns/column.ts";
import { pathText } from "./columns/sessions.ts";
import { EXIT } from "./exit_codes.ts";
import type { Target } from "./grammar/spec.ts";
import { targetName } from "./grammar/words.ts";
import { targetsIn } from "./status_rows.ts";

/** One thing that a name stands for. */
export interface Found {
  readonly target: Target;
  /** Its own name: of the mapping, the session, the device; of a path `source,destination`. */
  readonly name: string;
  /** Of a path: its session. */
  readonly sessname: string;
  /** Among the rows of its kind. */
  readonly index: number;
}

/** A thing and what it is called, the best name first. */
interface Named extends Found {
  readonly names: readonly string[];
}

/** Finds mappings, also by block device and device path. */
function mappings(status: Status): Named[] {
  return status.mappings.map(({ name, device, device_path, sessname }, index) => ({
    target: { mode: "client", thing: "device" },
    name,
    sessname,
    index,
    names: [
      name,
      device ?? "",
      device === null ? "" : baseName(device),
      device_path,
      `${device_path}@${sessname}`,
    ],
  }));
}

/** Finds exports, also by the paths that clients give. A device has a row for each client. */
function exports(status: Status): Named[] {
  let row = 0;
  return status.exports.map(({ device, clients }) => {
    const index = row;
    row += Math.max(1, clients.length);
    return {
      target: { mode: "server", thing: "device" },
      name: device,
      sessname: "",
      index,
      names: [device, baseName(device), ...clients.map(({ mapping_path }) => mapping_path)],
    };
  });
}

function sessions(status: Status, mode: Target["mode"]): Named[] {
  return (mode === "client" ? status.sessions : status.clients).map(({ sessname }, index) => ({
    target: { mode, thing: "session" },
    name: sessname,
    sessname,
    index,
    names: [sessname],
  }));
}

/** As in the originals also `session:port` and `hca:port`. */
function pathNames(sessname: string, path: PathStatus): string[] {
  const { src_addr, dst_addr, hca_name, hca_port } = path;
  return [
    pathText(path),
    `${src_addr}@${dst_addr}`,
    `${sessname}:${hca_port}`,
    `${hca_name}:${hca_port}`,
    dst_addr,
    src_addr,
  ];
}

function paths(status: Status, mode: Target["mode"]): Named[] {
  const owners = mode === "client" ? status.sessions : status.clients;
  const all = owners.flatMap(({ sessname, paths }) => paths.map((path) => ({ sessname, path })));
  return all.map(({ sessname, path }, index) => ({
    target: { mode, thing: "path" },
    name: pathText(path),
    sessname,
    index,
    names: pathNames(sessname, path),
  }));
}

/** Everything of these kinds. */
export function namedThings(status: Status, targets: readonly Target[]): Named[] {
  return targets.flatMap(({ mode, thing }) => {
    if (thing === "path") return paths(status, mode);
    if (thing === "session") return sessions(status, mode);
    return mode === "client" ? mappings(status) : exports(status);
  });
}

/** Everything that is called `name`; a first name counts more than other ones. */
export function findAll(
  name: string,
  status: Status,
  targets: readonly Target[],
): readonly Found[] {
  const things = namedThings(status, targets).filter(({ names }) => names.includes(name));
  const best = things.filter(({ names }) => names[0] === name);
  return best.length > 0 ? best : things;
}

/** Names that fit a message. */
const KNOWN_SHOWN_MAX = 6;

/** "session or path", for messages. */
function kinds(targets: readonly Target[]): string {
  const things = new Set(targets.map(({ thing }) => thing));
  if (things.size > 2) return "thing";
  return targets.length <= 2 ? targets.map(targetName).join(" or ") : [...things].join(" or ");
}

/** What the name may have been meant to be. */
function hint(name: string, known: readonly string[]): string {
  const near = nearestWord(name, known);
  if (near !== undefined) return `did you mean ${JSON.stringify(near)}?`;
  if (known.length === 0) return "there is none";
  if (known.length > KNOWN_SHOWN_MAX) return "see list";
  return `there are: ${known.map((one) => JSON.stringify(one)).join(", ")}`;
}

/**
 * The one thing that is called `name`.
 * @param targets kinds that it may be; absent: those of the verb that the command line leaves
 * @throws ApplianceError ENOENT, or UsageError when there are several
 */
export function findOne(
  args: VerbArguments,
  name: string,
  status: Status,
  targets: readonly Target[] = targetsIn(args.scope, args.verb.targets ?? []),
): Found {
  const found = findAll(name, status, targets);
  if (found.length === 1) return found[0]!;
  if (found.length === 0) {
    const known = namedThings(status, targets).map(({ names }) => names[0]!);
    const wanted = `${kinds(targets)} called ${JSON.stringify(name)}`;
    const message = `There is no ${wanted}; ${hint(name, known)}`;
    throw new ApplianceError(message, "ENOENT", EXIT.FAILED);
  }
  const shown = found.map(({ target, name, sessname }) =>
    `${targetName(target)} ${name}${target.thing === "path" ? ` of ${sessname}` : ""}`
  );
  return args.refuse(
    `${JSON.stringify(name)} can mean ${shown.join(", ")}; say which, or write more of it`,
  );
}
