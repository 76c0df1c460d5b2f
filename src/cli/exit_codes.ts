/** Exit codes: those of sysexits.h where it has a fitting one. */
export const EXIT = {
  OK: 0,
  FAILED: 1,
  /** `plan` found something to do. */
  CHANGES: 2,
  /** The command line is wrong. */
  USAGE: 64,
  /** No appliance answers. */
  UNAVAILABLE: 69,
  /** Not now; the same may work later. */
  TRY_AGAIN: 75,
  /** The config file is wrong. */
  CONFIG: 78,
} as const;
