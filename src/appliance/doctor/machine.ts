/** What the doctor looks at: the seam between its checks and the machine (tests feed others). */

/** A machine. Nothing here throws. */
export interface Machine {
  /** As `uname -r` says it. */
  readonly kernel: string;
  /** `x86_64` or `aarch64`, as Deno names them. */
  readonly arch: string;
  readonly denoVersion: string;
  /** Text of a file; undefined when it cannot be read. */
  read(path: string): string | undefined;
  /** Names in a folder, sorted; empty when it cannot be read. */
  list(path: string): readonly string[];
  exists(path: string): boolean;
  /** Name of the errno with which opening a device node for I/O fails; null when it opens. */
  openFailure(path: string): string | null;
  /** Path of a program; undefined when it is not installed. */
  findCommand(name: string): string | undefined;
  /** Whether the loader finds a shared library. */
  canLoad(library: string): boolean;
  /** Why a ring as reactors use it cannot be had, with the next step; null when it can. */
  ringFailure(): string | null;
  /** Bytes of address space that can be reserved at once, up to `wanted`. */
  reservableBytes(wanted: number): number;
  /** FEATURE bits of the ublk driver, or why they cannot be had. */
  ublkFeatures(): Promise<number | string>;
}
