/** Why an open device is not available on this machine, by errno. */
import {
  APPLY,
  because,
  type Cause,
  type CauseTable,
  DOCTOR,
  quoted,
  recover,
  type Subject,
} from "./cause.ts";

const isUblk = ({ expose }: Subject): boolean => expose === "ublk";

const noUblk = (subject: Subject): Cause =>
  isUblk(subject)
    ? because(
      "This machine cannot make block devices in this way: its kernel has no ublk, or the module " +
        "is not loaded.",
      "load the module: `modprobe ublk_drv`; then try again: `rnbd-appliance recover " +
        `${quoted(subject.name)}\``,
      DOCTOR,
      `or expose the mapping as NBD (expose = "nbd"): ${APPLY}`,
    )
    : because(
      "The folder for NBD sockets is gone, or this kernel lacks what is needed.",
      DOCTOR,
      recover(subject),
    );

const mayNot = (subject: Subject): Cause =>
  because(
    isUblk(subject)
      ? "The program may not make block devices, or may not write to dev_dir of [node]."
      : "The program may not write to the folder of its NBD sockets.",
    isUblk(subject)
      ? "run it as root, or let its user open /dev/ublk-control; what is missing: " +
        "`rnbd-appliance doctor`"
      : "let the user that it runs as write to runtime_dir of [node]; then try again: " +
        `\`rnbd-appliance recover ${quoted(subject.name)}\``,
    DOCTOR,
  );

const taken = (subject: Subject): Cause =>
  because(
    "Something else lies where the device should appear; it is not this program's, so it is left " +
      "alone.",
    `move what is there away; then \`rnbd-appliance recover ${quoted(subject.name)}\``,
    `or give the mapping another name: ${APPLY}`,
  );

const full = (subject: Subject): Cause =>
  because(
    isUblk(subject)
      ? "The kernel has as many ublk devices as it allows, or the folder for links is full."
      : "The file system of runtime_dir is full.",
    "unmap what is not needed: `rnbd-appliance unmap NAME`",
    DOCTOR,
    recover(subject),
  );

const noMemory = (subject: Subject): Cause =>
  because(
    "There is no memory left for the device's buffers.",
    "raise memory_limit of [node] and restart; what is used now: `rnbd-appliance status`",
    DOCTOR,
    recover(subject),
  );

const busy = (subject: Subject): Cause =>
  because(
    "The kernel is still busy with a device of this name, which somebody has open.",
    "end what uses it (`fuser -vm` names it); then `rnbd-appliance recover " +
      `${quoted(subject.name)}\``,
  );

const invalid = (subject: Subject): Cause =>
  because(
    "The device could not be made available: the last error says what was tried.",
    DOCTOR,
    `or expose it in the other way (expose = "nbd" or "ublk"): ${APPLY}`,
    recover(subject),
  );

/** See the head of this file. */
export const EXPOSE_CAUSES: CauseTable = {
  ENOENT: noUblk,
  ENODEV: noUblk,
  ENXIO: noUblk,
  ENOSYS: noUblk,
  EOPNOTSUPP: noUblk,
  ENOTDIR: mayNot,
  EACCES: mayNot,
  EPERM: mayNot,
  EROFS: mayNot,
  EEXIST: taken,
  EADDRINUSE: taken,
  ENOSPC: full,
  EMFILE: full,
  ENFILE: full,
  ENOMEM: noMemory,
  EBUSY: busy,
  EINVAL: invalid,
  EIO: invalid,
  ENAMETOOLONG: (subject) =>
    because(
      "The path of the socket or link is longer than Linux allows.",
      `give mapping ${subject.name} a shorter name, or [node] a shorter runtime_dir: ${APPLY}`,
    ),
};
