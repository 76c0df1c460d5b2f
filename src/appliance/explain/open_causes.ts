/** Why a server does not open a device, by errno. */
import {
  APPLY,
  because,
  type Cause,
  type CauseTable,
  quoted,
  recover,
  SERVER_STATUS,
  type Subject,
} from "./cause.ts";

const LOG_THERE = "the server's log says which of these it is: on the server, look for " +
  '"open refused", or list its refusals with `rnbd-appliance status`';

function notThere(subject: Subject): Cause {
  return because(
    `The server has no ${subject.devicePath} below its dev_search_path, or none of its exports ` +
      `allows it to session ${subject.sessname}.`,
    `check device_path of mapping ${subject.name}; a changed config is taken over by ` +
      "`rnbd-appliance apply`",
    LOG_THERE,
    `add a [[server.export]] for ${subject.devicePath} on the server; then, there, ` +
      "`rnbd-appliance apply`",
    recover(subject),
  );
}

function notAllowed(subject: Subject): Cause {
  const { devicePath, mode, sessname } = subject;
  if (mode === "ro") {
    return because(
      `The exports of the server do not allow ${devicePath} to session ${sessname}.`,
      LOG_THERE,
      "add or change a [[server.export]] on the server; then, there, `rnbd-appliance apply`",
      recover(subject),
    );
  }
  return because(
    mode === "migration"
      ? `Two clients have ${devicePath} open for writing already, or the exports of the server ` +
        "do not allow migration."
      : `Another client has ${devicePath} open for writing, or the exports of the server allow ` +
        "it only read-only.",
    `see who writes: on the server, \`rnbd-appliance explain ${quoted(devicePath)}\``,
    `unmap it at the client that writes, or take it away from it: on the server, ` +
      `\`rnbd-appliance close ${quoted(devicePath)} --force\``,
    "map it with access_mode ro, or with migration while a guest moves: change the config and " +
      "take it over: `rnbd-appliance apply`",
    LOG_THERE,
  );
}

const readOnlyThere = (subject: Subject): Cause =>
  because(
    `${subject.devicePath} cannot be written at the server: the disk or its file system is ` +
      "read-only.",
    `map it with access_mode ro: ${APPLY}`,
    "make it writable at the server; then, here, `rnbd-appliance recover " +
      `${quoted(subject.name)}\``,
  );

const mayNot = (subject: Subject): Cause =>
  because(
    `The server's user may not open ${subject.devicePath}` +
      (subject.mode === "ro" ? "." : ", or may only read it."),
    "on the server, let the user that the program runs as read and write it (`chmod`, `chown`), " +
      "and look at the log there: `rnbd-appliance events`",
    ...(subject.mode === "ro" ? [] : [`or map it with access_mode ro: ${APPLY}`]),
    recover(subject),
  );

const badName = (subject: Subject): Cause =>
  because(
    `The server does not take ${subject.devicePath} as a name, or its disk cannot be served in ` +
      "the way that its config says (io_mode).",
    `give device_path as a name below the server's dev_search_path, without "..": ${APPLY}`,
    LOG_THERE,
  );

const noDisk = (subject: Subject): Cause =>
  because(
    `${subject.devicePath} is neither a block device nor a file, so it cannot be served.`,
    `check device_path of mapping ${subject.name}: ${APPLY}`,
    LOG_THERE,
  );

const tooMany = (subject: Subject): Cause =>
  because(
    `The server has too much open: session ${subject.sessname} has reached the most devices that ` +
      "one session may have, or the server its limit of open files.",
    "spread the mappings over two sessions; " + APPLY,
    "or raise the limit of open files of the server (LimitNOFILE in its service) and restart it; " +
      "its log says which it is: `rnbd-appliance events`",
  );

const noMemory = (subject: Subject): Cause =>
  because(
    "The server has no memory left for another device.",
    "on the server, raise memory_limit of [node]; what it uses: `rnbd-appliance status`",
    recover(subject),
  );

const brokenDisk = (subject: Subject): Cause =>
  because(
    `The server could not read ${subject.devicePath}: its disk fails, or is gone.`,
    "on the server, look at the kernel's log: `dmesg`",
    SERVER_STATUS,
    recover(subject),
  );

const takenAway = (subject: Subject): Cause =>
  because(
    `Somebody took ${subject.devicePath} away from this client at the server (close). It is not ` +
      "opened again by itself, so that nobody writes to it who should not.",
    "see who has it now: on the server, `rnbd-appliance explain " +
      `${quoted(subject.devicePath)}\``,
    `open it again: \`rnbd-appliance remap ${quoted(subject.name)}\``,
    `or let go of it: \`rnbd-appliance unmap ${quoted(subject.name)}\``,
  );

const changing = (subject: Subject): Cause =>
  because(
    `${subject.devicePath} was being used or replaced at the server at that moment.`,
    recover(subject),
    LOG_THERE,
  );

const notUnderstood = (subject: Subject): Cause =>
  because(
    "The server's answer makes no sense: it is of another version, or broken.",
    "compare the versions of both: `rnbd-appliance version`",
    recover(subject),
  );

/** See the head of this file. */
export const OPEN_CAUSES: CauseTable = {
  ENOENT: notThere,
  ENOTDIR: notThere,
  ELOOP: notThere,
  EPERM: notAllowed,
  EROFS: readOnlyThere,
  EACCES: mayNot,
  EINVAL: badName,
  ENAMETOOLONG: badName,
  EILSEQ: badName,
  ENOTBLK: noDisk,
  EISDIR: noDisk,
  EMFILE: tooMany,
  ENFILE: tooMany,
  ENOMEM: noMemory,
  ENOBUFS: noMemory,
  EIO: brokenDisk,
  ENXIO: brokenDisk,
  ENODEV: brokenDisk,
  ENODATA: brokenDisk,
  ENOTCONN: takenAway,
  EBUSY: changing,
  ESTALE: changing,
  ETXTBSY: changing,
  EAGAIN: changing,
  ECANCELED: changing,
  EPROTO: notUnderstood,
  ENOSPC: (subject) =>
    because(
      `The file system that holds ${subject.devicePath} is full.`,
      "make room at the server; then, here, `rnbd-appliance recover " +
        `${quoted(subject.name)}\``,
    ),
  EFBIG: (subject) =>
    because(
      `${subject.devicePath} is larger than the server's file system can serve.`,
      "use a smaller file, or another file system; then `rnbd-appliance recover " +
        `${quoted(subject.name)}\``,
    ),
};
