/** Causes of errors that mean the same wherever they come up, and of all others. */
import { because, type Cause, type CauseTable, DOCTOR, recover, type Subject } from "./cause.ts";

const HISTORY = "see what happened before: `rnbd-appliance events`";

const ended = (subject: Subject): Cause =>
  because("It was ended by hand, or interrupted.", recover(subject), HISTORY);

const underWay = (subject: Subject): Cause =>
  because(
    "Another try is under way, or it is done already.",
    "see how it goes: `rnbd-appliance watch`",
    recover(subject),
  );

const bug = (subject: Subject): Cause =>
  because(
    "This should not happen: it is a mistake of this program or of the kernel.",
    "keep the log and report it, with the output of `rnbd-appliance dump`",
    recover(subject),
  );

const limit = (subject: Subject): Cause =>
  because(
    "A limit of this machine was reached.",
    DOCTOR,
    HISTORY,
    recover(subject),
  );

/** See the head of this file. */
export const GENERAL_CAUSES: CauseTable = {
  ECANCELED: ended,
  EINTR: ended,
  EALREADY: underWay,
  EINPROGRESS: underWay,
  EISCONN: underWay,
  EAGAIN: underWay,
  EBADF: bug,
  EFAULT: bug,
  ERANGE: bug,
  EOVERFLOW: bug,
  EPROTO: bug,
  EMFILE: limit,
  ENFILE: limit,
  ENOMEM: limit,
  ENOBUFS: limit,
};

/** For every other errno. */
export const unknownCause = (subject: Subject): Cause =>
  because(
    "The last error says what failed; nothing more is known of it.",
    HISTORY,
    DOCTOR,
    recover(subject),
  );
