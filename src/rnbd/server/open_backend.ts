/**
 * Opening and closing of what an export is made of, on main. A path is opened without side
 * effects first (O_PATH), so that a fifo, a socket or a tape drive is refused before it notices.
 * Nothing is opened exclusively, as in the original: the rules of sharing are among clients.
 */
import { readBlockDeviceSizes } from "../../ffi/block_ioctl.ts";
import { ERRNO, SystemError } from "../../ffi/errno.ts";
import { O } from "../../ffi/file_flags.ts";
import type { FileStatus } from "../../ffi/statx.ts";
import type { ArenaAllocator } from "../../ring/arena.ts";
import type { ControlLoop } from "../../ring/control_loop.ts";
import { OP } from "../../ring/opcodes.ts";
import type { BackendTicket } from "../backend.ts";
import { deviceGeometry, fileGeometry, madeGeometry } from "../backends/geometry.ts";
import { readBlockFeatures } from "./block_features.ts";
import { PathOperations } from "./path_operations.ts";

/** What to open, and how. */
export interface OpenRequest {
  /** From `composeDevicePath`. */
  readonly path: string;
  /** `ro` opens read-only; `rw` and `migration` write. */
  readonly accessMode: "ro" | "rw" | "migration";
  readonly ioMode: "fileio" | "blockio";
}

/** A ticket that owns a descriptor. */
type PathTicket = Extract<BackendTicket, { fd: number }>;

async function openChecked(
  operations: PathOperations,
  request: OpenRequest,
): Promise<{ fd: number; status: FileStatus }> {
  const { path } = request;
  const node = await operations.open(path, O.PATH);
  let before: FileStatus;
  try {
    before = await operations.status(node, path);
  } finally {
    await operations.close(node);
  }
  if (before.kind !== "file" && before.kind !== "block device") {
    const subject = `${path}, a ${before.kind} where only files and block devices are served,`;
    throw new SystemError(ERRNO.ENOTBLK, "open", subject);
  }
  const writes = request.accessMode !== "ro";
  if (writes && before.kind === "block device") {
    // The open would give EACCES here, which reads as a wrong owner.
    const features = readBlockFeatures(before.deviceOfNode);
    if (features?.readOnly) throw new SystemError(ERRNO.EROFS, "open for writing", path);
  }
  const direct = request.ioMode === "blockio" ? O.DIRECT : 0;
  const fd = await operations.open(path, (writes ? O.RDWR : O.RDONLY) | direct);
  try {
    const status = await operations.status(fd, path);
    const same = status.kind === before.kind && status.device === before.device &&
      status.inode === before.inode;
    if (!same) throw new SystemError(ERRNO.ESTALE, "open", `${path}, replaced meanwhile,`);
    return { fd, status };
  } catch (error) {
    await operations.close(fd);
    throw error;
  }
}

/** Smallest unit that O_DIRECT takes on this file: 512 or 4096. */
async function directBlockBytes(
  operations: PathOperations,
  path: string,
  fd: number,
  status: FileStatus,
): Promise<number> {
  const SMALL = 512;
  const LARGE = 4096;
  const said = status.directAlignmentBytes;
  if (said === undefined) return await operations.tryRead(fd, SMALL) > 0 ? SMALL : LARGE;
  if (said === 0 || said > LARGE) {
    const subject = `${path} with O_DIRECT (use io_mode "fileio" for it)`;
    throw new SystemError(ERRNO.EINVAL, "open", subject);
  }
  return Math.max(said, SMALL);
}

async function describeFile(
  operations: PathOperations,
  request: OpenRequest,
  fd: number,
  status: FileStatus,
): Promise<PathTicket> {
  const { path, ioMode } = request;
  const readOnly = request.accessMode === "ro";
  const features = readBlockFeatures(status.device);
  const geometry = fileGeometry({
    sizeBytes: status.sizeBytes,
    logicalBlockBytes: ioMode === "blockio"
      ? await directBlockBytes(operations, path, fd, status)
      : 512,
    preferredBlockBytes: status.blockBytes,
    punchesHoles: !readOnly && await operations.canPunchHoles(fd, status.sizeBytes),
    rotational: features?.rotational ?? false,
    ioMode,
    readOnly,
  });
  const identity = `file ${status.device}:${status.inode}`;
  return { kind: "file", identity, path, fd, ioMode, geometry };
}

async function describeDevice(
  operations: PathOperations,
  request: OpenRequest,
  fd: number,
  status: FileStatus,
): Promise<PathTicket> {
  const { path, ioMode } = request;
  const sizes = readBlockDeviceSizes(fd, path);
  const readOnly = request.accessMode === "ro";
  if (sizes.readOnly && !readOnly) throw new SystemError(ERRNO.EROFS, "open for writing", path);
  const features = readBlockFeatures(status.deviceOfNode);
  const discardsByCommand = !readOnly && await operations.canDiscardByCommand(fd);
  const geometry = deviceGeometry(sizes, features, { discardsByCommand, ioMode, readOnly });
  return {
    kind: "block",
    identity: `block ${status.deviceOfNode}`,
    path,
    fd,
    ioMode,
    geometry,
  };
}

/**
 * Opens a file or block device for one session.
 * @throws SystemError with the errno that the client is told: that of the open, ENOTBLK for what
 *   is neither, EROFS for a device that cannot be written, EINVAL for a file without O_DIRECT
 */
export async function openBackend(loop: ControlLoop, request: OpenRequest): Promise<PathTicket> {
  const operations = new PathOperations(loop);
  try {
    const { fd, status } = await openChecked(operations, request);
    try {
      const describe = status.kind === "file" ? describeFile : describeDevice;
      return await describe(operations, request, fd, status);
    } catch (error) {
      await operations.close(fd);
      throw error;
    }
  } finally {
    operations.release();
  }
}

/**
 * Opens the disk of a ticket once more. Every reactor needs a ticket of its own: the kernel tells
 * a failed write-back once per open file (see `file_queue.ts`). Memory is shared as it is.
 * @throws SystemError
 */
export async function reopenBackend<Ticket extends BackendTicket>(
  loop: ControlLoop,
  ticket: Ticket,
): Promise<Ticket> {
  if (ticket.kind !== "file" && ticket.kind !== "block") return ticket;
  const operations = new PathOperations(loop);
  try {
    const access = ticket.geometry.readOnly ? O.RDONLY : O.RDWR;
    const direct = ticket.ioMode === "blockio" ? O.DIRECT : 0;
    return { ...ticket, fd: await operations.reopen(ticket.fd, access | direct, ticket.path) };
  } finally {
    operations.release();
  }
}

/**
 * Makes a disk in memory that reads as zero. It belongs to the export, not to one open of it:
 * every session gets the same ticket (or its {@link asReadOnly} form), and the data lives until
 * {@link releaseMemoryBackend}.
 * @throws RangeError when the arena has no room
 */
export function makeMemoryBackend(
  memory: ArenaAllocator,
  name: string,
  sizeBytes: number,
  logicalBlockBytes: number,
): BackendTicket {
  const at = memory.allocate(sizeBytes, `memory disk ${name}`);
  const geometry = madeGeometry(sizeBytes, logicalBlockBytes);
  return { kind: "memory", identity: `memory ${name}`, at, geometry };
}

/** Makes a disk that reads as zero and forgets what is written. */
export function makeNullBackend(
  name: string,
  sizeBytes: number,
  logicalBlockBytes: number,
): BackendTicket {
  const geometry = madeGeometry(sizeBytes, logicalBlockBytes);
  return { kind: "null", identity: `null ${name}`, geometry };
}

/** The same back end, made here, for a session that may only read. */
export function asReadOnly(ticket: BackendTicket): BackendTicket {
  const geometry = {
    ...ticket.geometry,
    readOnly: true,
    maxDiscardSectors: 0,
    maxWriteZeroesSectors: 0,
  };
  return { ...ticket, geometry };
}

/** Closes the descriptor of a ticket, if it has one. No reactor has a queue on it any more. */
export async function closeBackend(loop: ControlLoop, ticket: BackendTicket): Promise<void> {
  if (ticket.kind === "file" || ticket.kind === "block") {
    await loop.operate(OP.CLOSE, ticket.fd, 0, 0);
  }
}

/** Frees a disk in memory, once, when its export ends; its content is gone. */
export function releaseMemoryBackend(memory: ArenaAllocator, ticket: BackendTicket): void {
  if (ticket.kind === "memory") memory.release(ticket.at);
}
