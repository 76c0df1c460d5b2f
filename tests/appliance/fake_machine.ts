/** Machines that are only told of, for the doctor. */
import type { Machine } from "../../src/appliance/doctor/machine.ts";

/** What a machine has; everything that is not named is not there. */
export interface MachineParts {
  readonly kernel: string;
  readonly arch?: string;
  /** Text by path; folders exist by what lies in them. */
  readonly files?: Readonly<Record<string, string>>;
  /** Device nodes by path: the errno of opening one, or null. */
  readonly nodes?: Readonly<Record<string, string | null>>;
  readonly libraries?: readonly string[];
  readonly commands?: readonly string[];
  readonly ringFailure?: string;
  /** Default: as much as is asked for. */
  readonly reservableBytes?: number;
  readonly ublkFeatures?: number | string;
}

/** All capabilities of root. */
export const ROOT_STATUS = "Name:\tdeno\nCapEff:\t000001ffffffffff\n";
/** None. */
export const USER_STATUS = "Name:\tdeno\nCapEff:\t0000000000000000\n";

/** `/proc/self/limits` with these soft limits. */
export function limitsText(lockedMemory: string, openFiles: string): string {
  return "Limit                     Soft Limit           Hard Limit           Units     \n" +
    `Max open files            ${openFiles.padEnd(21)}524288               files     \n` +
    `Max locked memory         ${lockedMemory.padEnd(21)}unlimited            bytes     \n` +
    "Max address space         unlimited            unlimited            bytes     \n";
}

/** Makes a machine. */
export function fakeMachine(parts: MachineParts): Machine {
  const { files = {}, nodes = {} } = parts;
  const paths = [...Object.keys(files), ...Object.keys(nodes)];
  return {
    kernel: parts.kernel,
    arch: parts.arch ?? "x86_64",
    denoVersion: "2.9.6",
    read: (path) => files[path],
    list(path) {
      const inside = paths.filter((candidate) => candidate.startsWith(`${path}/`))
        .map((candidate) => candidate.slice(path.length + 1).split("/")[0]!);
      return [...new Set(inside)].sort();
    },
    exists: (path) => paths.some((one) => one === path || one.startsWith(`${path}/`)),
    openFailure: (path) => path in nodes ? nodes[path]! : "ENOENT",
    findCommand: (name) => parts.commands?.includes(name) ? `/usr/bin/${name}` : undefined,
    canLoad: (library) => parts.libraries?.includes(library) ?? false,
    ringFailure: () => parts.ringFailure ?? null,
    reservableBytes: (wanted) => Math.min(wanted, parts.reservableBytes ?? wanted),
    ublkFeatures: () => Promise.resolve(parts.ublkFeatures ?? "ENOENT"),
  };
}

/** A port of an RDMA device as sysfs has it. */
export function portFiles(
  device: string,
  fields: { state: string; linkLayer: string; gids: readonly string[]; netdev: string },
): Record<string, string> {
  const folder = `/sys/class/infiniband/${device}/ports/1`;
  const files: Record<string, string> = {
    [`${folder}/state`]: `${fields.state}\n`,
    [`${folder}/link_layer`]: `${fields.linkLayer}\n`,
  };
  for (const [index, gid] of fields.gids.entries()) {
    files[`${folder}/gids/${index}`] = `${gid}\n`;
    files[`${folder}/gid_attrs/ndevs/${index}`] = `${fields.netdev}\n`;
  }
  return files;
}
