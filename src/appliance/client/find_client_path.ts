/** Finds a path of a session to a server by what a person calls it. */
import { formatAddress, formatPath, parsePath } from "../../fabric/address.ts";
import type { ClientPath } from "../../rtrs/client/path.ts";
import { ApplianceError } from "../appliance_api.ts";

const EXIT_FAILED = 1;

/** A path of a session, and how the config spells it. */
export interface NamedPath {
  readonly text: string;
  readonly path: ClientPath;
}

/** As it was asked for, as it is connected, and by either end. */
function namesOf({ text, path }: NamedPath): string[] {
  const asked = parsePath(text);
  const { sourceAddress, destinationAddress } = path;
  return [
    formatPath(asked),
    `${sourceAddress},${destinationAddress}`,
    formatAddress(asked.destination),
    destinationAddress,
    ...(asked.source === undefined ? [] : [formatAddress(asked.source)]),
    sourceAddress,
  ];
}

/**
 * @param text `source,destination`, or the one end that tells the path apart; in any spelling
 * @throws ApplianceError ENOENT there is none, EINVAL there are several
 */
export function findClientPath(
  sessname: string,
  paths: readonly NamedPath[],
  text: string,
): NamedPath {
  const name = canonical(text);
  const exact = paths.filter((path) => namesOf(path).slice(0, 2).includes(name));
  const found = exact.length > 0 ? exact : paths.filter((path) => namesOf(path).includes(name));
  if (found.length === 1) return found[0]!;
  const known = paths.map((path) => namesOf(path)[0]!).join(" and ") || "none";
  const count = found.length === 0 ? "no path" : "more than one path";
  const message = `Session ${sessname} has ${count} ${text}; it has ${known}`;
  throw new ApplianceError(message, found.length === 0 ? "ENOENT" : "EINVAL", EXIT_FAILED);
}

function canonical(text: string): string {
  try {
    return formatPath(parsePath(text));
  } catch {
    return text;
  }
}
