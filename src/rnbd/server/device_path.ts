/**
 * From the name that a client opens to the path that the server opens (RNBD's rules,
 * drivers/block/rnbd/rnbd-srv.c `rnbd_srv_get_full_path` and `process_msg_open`).
 *
 * What "nothing outside dev_search_path is opened" means here, exactly:
 * - The path is the search path, a slash and the name, as text. The name cannot climb: it may not
 *   hold `..` anywhere. A name that starts with a slash is relative to the search path as well.
 * - Symbolic links below the search path are followed, wherever they point. Only the
 *   administrator can make them: clients write inside disks and never create a directory entry.
 * - The kernel's magic links (/proc/PID/fd, …) are not the administrator's; the open refuses them
 *   (RESOLVE_NO_MAGICLINKS in `path_operations.ts`), which matters when the search path is `/`.
 * - Session names hold neither `/` nor `.`, so `%SESSNAME%` cannot climb either.
 */
import { ERRNO, errnoName } from "../../ffi/errno.ts";
import { DEVICE_PATH_BYTES_MAX } from "../backends/limits.ts";
import { DEVICE_NAME_BYTES_MAX } from "../limits.ts";

const SESSNAME_MARKER = "%SESSNAME%";

/** A name that no device can have; `errno` is what the client is told. */
export class DevicePathError extends Error {
  override readonly name = "DevicePathError";
  readonly errno: number = ERRNO.EINVAL;
  constructor(readonly devicePath: string, readonly reason: string) {
    super(
      `Cannot open device ${JSON.stringify(devicePath)}: ${reason} ` +
        `(${errnoName(ERRNO.EINVAL)}); give a name below the server's dev_search_path`,
    );
  }
}

const byteLength = (text: string) => new TextEncoder().encode(text).length;

function whyNameIsRefused(searchPath: string, devicePath: string): string | undefined {
  if (devicePath.replaceAll("/", "") === "") return "the name is empty";
  if (devicePath.includes("\0")) return "the name holds a NUL character";
  if (devicePath.includes("..")) return "the name holds '..'";
  const nameBytes = byteLength(devicePath);
  if (nameBytes > DEVICE_NAME_BYTES_MAX) {
    return `the name is longer than ${DEVICE_NAME_BYTES_MAX} bytes`;
  }
  if (byteLength(searchPath) + nameBytes > DEVICE_PATH_BYTES_MAX) {
    return `name and search path are longer than ${DEVICE_PATH_BYTES_MAX} bytes`;
  }
  return undefined;
}

function whySessionIsRefused(sessname: string): string | undefined {
  if (sessname === "") return "the session has no name";
  if (/[/.\0]/.test(sessname)) return "the session's name holds '/', '.' or NUL";
  return undefined;
}

/**
 * The path to open for `devicePath`.
 * @param searchPath `dev_search_path`; text after `%SESSNAME%` is dropped, as in the original
 * @param sessname the client's session name
 * @param devicePath the name in the OPEN message
 * @throws DevicePathError with the errno of the originals (EINVAL)
 */
export function composeDevicePath(
  searchPath: string,
  sessname: string,
  devicePath: string,
): string {
  const refuse = (reason: string | undefined) => {
    if (reason !== undefined) throw new DevicePathError(devicePath, reason);
  };
  refuse(whyNameIsRefused(searchPath, devicePath));
  const marker = searchPath.indexOf(SESSNAME_MARKER);
  if (marker >= 0) refuse(whySessionIsRefused(sessname));
  const directory = marker < 0 ? searchPath : `${searchPath.slice(0, marker)}/${sessname}`;
  const path = `${directory}/${devicePath}`.replace(/\/{2,}/g, "/");
  if (byteLength(path) > DEVICE_PATH_BYTES_MAX) {
    refuse(`the whole path is longer than ${DEVICE_PATH_BYTES_MAX} bytes`);
  }
  return path;
}
