/** What a server says when it refuses a path, in words a user can act on. */
import type { FabricFailure } from "../../fabric/fabric.ts";
import { describeErrno, ERRNO } from "../../ffi/errno.ts";

/** Words for the errno of a reject. */
export function explainReject(errno: number, sessname: string): string {
  const hint = errno === ERRNO.EEXIST
    ? "the server still holds a path between these addresses"
    : errno === ERRNO.ECONNRESET
    ? "the server still holds this path's last incarnation, or speaks another version"
    : errno === ERRNO.ENXIO
    ? "the server does not know the session: it was restarted, or this path leads to another " +
      "server than the session's other paths"
    : errno === ERRNO.ENOMEM
    ? "the server has no memory for another session"
    : "see the server's log";
  return `the server refused session ${sessname}: ${describeErrno(errno)}: ${hint}`;
}

/**
 * A server has only one way to refuse a session's name: it disconnects (rtrs-srv.c:821-828).
 * Its user must hear of that.
 */
export function explainLostInfo(failure: FabricFailure, sessname: string): FabricFailure {
  if (failure.errno !== ERRNO.ECONNRESET) return failure;
  const hint = `when it was told the session's name, ${sessname}: another client may have a ` +
    "session of this name there, or this client's last one has not ended yet; see its log";
  return { errno: failure.errno, reason: `${failure.reason} ${hint}` };
}
