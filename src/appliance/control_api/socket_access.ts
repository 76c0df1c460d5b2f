/** Who may use a control socket: the mode and group of its file, and the way to it. */
import { ApplianceError } from "../appliance_api.ts";

const GROUP_FILE = "/etc/group";
const EXIT_CONFIG = 78;
const EXIT_UNAVAILABLE = 69;
/** Read and write, without which nobody can connect (unix(7)). */
const GROUP_ACCESS = 0o060;
const OTHERS_ACCESS = 0o006;

/** What a socket's file is going to be. */
export interface SocketAccess {
  readonly mode: number;
  /** undefined: the process's. */
  readonly gid: number | undefined;
}

/**
 * Id of a group: looked up in the file, because the library's way loads modules into the process.
 * A number stands for itself, for groups that a directory service has.
 * @throws ApplianceError when there is none
 */
export function groupId(name: string, groupFile: string = GROUP_FILE): number {
  for (const line of Deno.readTextFileSync(groupFile).split("\n")) {
    const [known, , gid] = line.split(":");
    if (known === name && /^\d+$/.test(gid ?? "")) return Number(gid);
  }
  if (/^\d{1,10}$/.test(name) && Number(name) < 0xffff_ffff) return Number(name);
  const message = `There is no group ${JSON.stringify(name)} in ${groupFile}; make it, correct ` +
    "[control] socket_group, or give its number";
  throw new ApplianceError(message, "ENOENT", EXIT_CONFIG);
}

/**
 * Lets in who may use a socket. The file was made with mode 0, so that nobody could connect before
 * the group was right; the mode comes last.
 * @throws ApplianceError when the group cannot be given
 */
export function grant(socket: string, { mode, gid }: SocketAccess): void {
  if (gid !== undefined) giveToGroup(socket, gid);
  Deno.chmodSync(socket, mode);
}

/**
 * Lets those through the folder who may use a socket in it: a folder of mode 0700 would keep them
 * out. It can still be neither listed nor changed by them.
 * @throws ApplianceError when the group cannot be given
 */
export function letThrough(folder: string, { mode, gid }: SocketAccess): void {
  const info = Deno.statSync(folder);
  const before = info.mode! & 0o7777;
  if ((mode & OTHERS_ACCESS) === OTHERS_ACCESS) {
    Deno.chmodSync(folder, before | 0o011);
    return;
  }
  const isWayFree = (before & 0o001) !== 0;
  if ((mode & GROUP_ACCESS) !== GROUP_ACCESS || isWayFree) return;
  if (gid !== undefined && info.gid !== gid) giveToGroup(folder, gid);
  Deno.chmodSync(folder, before | 0o010);
}

function giveToGroup(path: string, gid: number): void {
  try {
    Deno.chownSync(path, null, gid);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const message = `Cannot give ${path} to the group ${gid} of [control] socket_group ` +
      `(${reason}); be root or a member of it`;
    throw new ApplianceError(message, "EPERM", EXIT_UNAVAILABLE);
  }
}
