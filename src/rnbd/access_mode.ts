/** Access modes of RNBD (rnbd-proto.h:45) and the rules of sharing (rnbd-srv.c:480-522). */

/** By name, as in config and status. */
export type AccessModeName = "ro" | "rw" | "migration";
/** As on the wire. */
export type AccessModeCode = 0 | 1 | 2;

const NAMES: readonly AccessModeName[] = ["ro", "rw", "migration"];

/** 0, 1 or 2. */
export function accessModeCode(name: AccessModeName): AccessModeCode {
  return NAMES.indexOf(name) as AccessModeCode;
}

/** The name of a code, undefined for one that does not exist. */
export function accessModeName(code: number): AccessModeName | undefined {
  return NAMES[code];
}

/** Writers that a device with a migration under way has: the old host and the new one. */
const MIGRATION_WRITERS_MAX = 2;

/**
 * Why a device with `writers` writers (rw and migration mappings of all sessions) cannot be opened
 * in `mode`; undefined when it can.
 */
export function sharingProblem(mode: AccessModeName, writers: number): string | undefined {
  if (mode === "rw" && writers > 0) return "another client has it open for writing";
  if (mode === "migration" && writers >= MIGRATION_WRITERS_MAX) {
    return "two clients have it open for writing already";
  }
  return undefined;
}
