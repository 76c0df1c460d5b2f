/** The Unix socket of an export: its path, its file, and what a dead process left behind. */
import { bind, close, listen, socket } from "../ffi/libc.ts";
import { ERRNO, SystemError } from "../ffi/errno.ts";
import { LISTEN_BACKLOG, SOCKET_PATH_BYTES_MAX } from "./limits.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
/** S_IFMT and S_IFSOCK. */
const FILE_TYPE_MASK = 0o170000;
const FILE_TYPE_SOCKET = 0o140000;

/** A listening socket and the identity of its file. */
export interface ListeningSocket {
  readonly fd: number;
  readonly path: string;
  readonly device: number;
  readonly inode: number;
}

/**
 * Where the export of a mapping listens: `<runtimeDirectory>/nbd/<name>.sock`.
 * @throws RangeError when the name cannot be a file name
 */
export function socketPath(runtimeDirectory: string, name: string): string {
  if (name === "" || name.includes("/") || name.includes("\0")) {
    throw new RangeError(`Mapping name ${JSON.stringify(name)} cannot name a socket file`);
  }
  return `${runtimeDirectory}/nbd/${name}.sock`;
}

/**
 * Listens on a Unix socket at `path`; makes its directory, replaces the file of a dead process.
 * @param mode access mode of the socket file
 * @throws RangeError when the path is too long for a socket
 * @throws SystemError when a living process listens there, or a system call fails
 */
export async function listenOnPath(path: string, mode: number): Promise<ListeningSocket> {
  const address = socketAddress(path);
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/") + 1) || ".", { recursive: true });
  const fd = socket(AF_UNIX, SOCK_STREAM, 0);
  try {
    try {
      bind(fd, address, path);
    } catch (error) {
      if (!(error instanceof SystemError) || error.errno !== ERRNO.EADDRINUSE) throw error;
      await removeDeadSocket(path);
      bind(fd, address, path);
    }
    // Nobody can connect before listen(), so nobody gets in before the mode is right.
    Deno.chmodSync(path, mode);
    const file = Deno.lstatSync(path);
    listen(fd, LISTEN_BACKLOG, path);
    return { fd, path, device: file.dev, inode: file.ino ?? 0 };
  } catch (error) {
    close(fd);
    throw error;
  }
}

/** Stops listening; removes the file if it is still this socket's. */
export function closeListeningSocket(listening: ListeningSocket): void {
  close(listening.fd);
  try {
    const file = Deno.lstatSync(listening.path);
    const own = file.dev === listening.device && file.ino === listening.inode;
    if (own) Deno.removeSync(listening.path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function socketAddress(path: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length > SOCKET_PATH_BYTES_MAX) {
    throw new RangeError(
      `NBD socket path ${path} has ${bytes.length} bytes, and a Unix socket allows ` +
        `${SOCKET_PATH_BYTES_MAX}: choose a shorter runtime_dir or mapping name`,
    );
  }
  // sockaddr_un: family in host order, then the path and its NUL.
  const address = new Uint8Array(2 + bytes.length + 1);
  address.set(new Uint8Array(new Uint16Array([AF_UNIX]).buffer));
  address.set(bytes, 2);
  return address;
}

async function removeDeadSocket(path: string): Promise<void> {
  const mode = Deno.lstatSync(path).mode ?? 0;
  if ((mode & FILE_TYPE_MASK) !== FILE_TYPE_SOCKET) {
    throw new SystemError(ERRNO.EADDRINUSE, "bind", `${path}, which is not a socket: remove it`);
  }
  if (await isAlive(path)) {
    throw new SystemError(
      ERRNO.EADDRINUSE,
      "bind",
      `${path}: another process serves it; stop it or choose another runtime_dir`,
    );
  }
  Deno.removeSync(path);
}

/** Only a refused connection proves that nobody listens any more. */
async function isAlive(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.ConnectionRefused);
  }
}
