/** What a person is told who named something that is not there. */
import { ApplianceError } from "./appliance_api.ts";
import { nearestWord } from "./config/did_you_mean.ts";

const EXIT_FAILED = 1;

/**
 * ENOENT with the nearest name, or all of them when none is near.
 * @param what the sentence without its end: `Nobody has vm-1 open`
 * @param shown how the names are listed; as they are when it is left out
 */
export function notFound(
  what: string,
  name: string,
  names: readonly string[],
  shown: readonly string[] = names,
): ApplianceError {
  const meant = nearestWord(name, names);
  const hint = meant === undefined
    ? `there are: ${shown.join(", ") || "none"}`
    : `did you mean ${meant}?`;
  return new ApplianceError(`${what}; ${hint}`, "ENOENT", EXIT_FAILED);
}
