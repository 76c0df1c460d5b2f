/** Why an appliance cannot start: what is missing or taken, and what to do about it. */
import { ERRNO, errnoName, SystemError } from "../ffi/errno.ts";
import { MissingLibraryError } from "../ffi/optional_library.ts";
import { ApplianceError } from "./appliance_api.ts";

const EXIT_UNAVAILABLE = 69;
const DOCTOR = "rnbd-appliance doctor says what this machine lacks";

/** Next steps by errno; any other: ask the doctor. */
const NEXT_STEPS: Readonly<Record<number, string>> = {
  [ERRNO.EADDRINUSE]: "free the address, or change [server] listen and port",
  [ERRNO.EADDRNOTAVAIL]: "give an address of this machine: for tcp: of any network interface, " +
    "for ip: and gid: of an RDMA device",
  [ERRNO.EACCES]: "run as root, or let this user have what is named",
  [ERRNO.EPERM]: "run as root, or let this user have what is named",
};

/**
 * What the user is told when a part of the appliance could not be made. Errors that say what the
 * machine lacks end with exit code 69 and a next step; bugs stay as they are.
 */
export function explainStart(error: unknown): unknown {
  if (error instanceof SystemError) {
    const next = NEXT_STEPS[error.errno] ?? DOCTOR;
    const name = errnoName(error.errno);
    return new ApplianceError(`${error.message}; ${next}`, name, EXIT_UNAVAILABLE);
  }
  // The layers below tell what they lack as a plain Error; TypeError and the like are bugs.
  const isLack = error instanceof MissingLibraryError ||
    (error instanceof Error && error.constructor === Error);
  if (!isLack) return error;
  return new ApplianceError(`${error.message}; ${DOCTOR}`, "EOPNOTSUPP", EXIT_UNAVAILABLE);
}
