/** The command line of one guest. */
import type { Machine } from "./provision.ts";
import { JOB_PARAMETER, ROOT_TAG } from "./initramfs.ts";

/**
 * How the guest's clock and processors run. `fast`: each processor on a host thread, for tests of
 * behaviour. `icount`: all on one host thread, and time is instructions executed, so that figures
 * repeat however busy the host is; about six times slower.
 */
export type ClockMode = "fast" | "icount";

/** What a guest is made of. */
export interface GuestShape {
  readonly mode: ClockMode;
  readonly cpus: number;
  readonly memoryMiB: number;
}

/** Name of the port on which the guest sends its records. */
export const RECORDS_PORT = "rnbd.records";

/** Files that one boot uses. */
export interface BootFiles {
  /** Folder with `start.sh`; must be without spaces. */
  readonly job: string;
  readonly console: string;
  readonly records: string;
}

/** Of every guest's kernel. */
export const KERNEL_PARAMETERS: readonly string[] = [
  "console=ttyS0",
  // An oops ends the guest: what follows one proves nothing.
  ...["panic=-1", "oops=panic"],
  // Warnings reach the console too, in case the guest cannot send them any more.
  ...["loglevel=5", "log_buf_len=8M"],
  ...["mitigations=off", "tsc=unstable", "nokaslr", "audit=0"],
  // On a busy machine the emulated timer is late, and the kernel takes it for broken.
  "no_timer_check",
];

/** Arguments of `qemu-system-x86_64` for one boot. */
export function qemuArguments(machine: Machine, shape: GuestShape, files: BootFiles): string[] {
  const clock = shape.mode === "fast"
    ? ["-accel", "tcg,thread=multi"]
    : ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=off"];
  const root = `local,path=/,mount_tag=${ROOT_TAG},security_model=none,readonly=on,multidevs=remap`;
  return [
    ...clock,
    ...["-cpu", "max", "-smp", String(shape.cpus), "-m", `${shape.memoryMiB}M`],
    ...["-display", "none", "-monitor", "none", "-no-reboot", "-nic", "none"],
    ...["-serial", `file:${files.console}`],
    ...["-device", "virtio-serial-pci", "-chardev", `file,id=records,path=${files.records}`],
    ...["-device", `virtserialport,chardev=records,name=${RECORDS_PORT}`],
    ...["-virtfs", root],
    ...["-kernel", machine.kernel, "-initrd", machine.initramfs],
    ...["-append", [...KERNEL_PARAMETERS, `${JOB_PARAMETER}=${files.job}`].join(" ")],
  ];
}
