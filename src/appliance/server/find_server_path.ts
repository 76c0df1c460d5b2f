/** Finds a path of a client's session by what a person calls it. */
import { ApplianceError } from "../appliance_api.ts";

const EXIT_FAILED = 1;

/** Both ends, with their prefixes; the source is the client, as the originals show it. */
interface PathEnds {
  readonly remoteAddress: string;
  readonly localAddress: string;
}

const namesOf = ({ remoteAddress, localAddress }: PathEnds): string[] => [
  `${remoteAddress},${localAddress}`,
  remoteAddress,
  localAddress,
];

/**
 * @param text `source,destination`, or the one end that tells the path apart
 * @throws ApplianceError ENOENT there is none, EINVAL there are several
 */
export function findServerPath<Path extends PathEnds>(
  sessname: string,
  paths: readonly Path[],
  text: string,
): Path {
  const found = paths.filter((path) => namesOf(path).includes(text));
  if (found.length === 1) return found[0]!;
  const known = paths.map((path) => namesOf(path)[0]!).join(" and ") || "none";
  const count = found.length === 0 ? "no path" : "more than one path";
  const message = `Session ${sessname} has ${count} ${text}; it has ${known}`;
  throw new ApplianceError(message, found.length === 0 ? "ENOENT" : "EINVAL", EXIT_FAILED);
}
