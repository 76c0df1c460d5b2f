/** Results that are mappings or sessions: what most verbs print. */
import type { MappingStatus, SessionStatus } from "../appliance/appliance_api.ts";
import { rowSet } from "./columns/column.ts";
import { MAPPINGS } from "./columns/devices.ts";
import { SESSIONS } from "./columns/sessions.ts";
import type { Result } from "./output/result.ts";

/** One mapping. The node's name is not in the answer of the API, and no verb shows it here. */
export function mappingResult(mapping: MappingStatus): Result {
  return {
    data: mapping,
    root: "mapping",
    sets: [rowSet(MAPPINGS, [{ node: "", mapping }])],
  };
}

/** Several mappings. */
export function mappingsResult(mappings: readonly MappingStatus[]): Result {
  return {
    data: { mappings },
    root: "rnbd",
    sets: [rowSet(MAPPINGS, mappings.map((mapping) => ({ node: "", mapping })))],
  };
}

/** One session, with its paths below it. */
export function sessionResult(session: SessionStatus): Result {
  return {
    data: session,
    root: "session",
    sets: [rowSet(SESSIONS, [{ node: "", session }])],
  };
}
