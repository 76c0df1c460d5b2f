/** The machine that the program runs on, for the doctor. */
import { errnoName, SystemError } from "../../ffi/errno.ts";
import { O } from "../../ffi/file_flags.ts";
import { close, open } from "../../ffi/libc.ts";
import { optionalLibrary } from "../../ffi/optional_library.ts";
import { isSystemFile, listSystemFolder, readSystemText } from "../../ffi/system_files.ts";
import { ArenaAllocator, reserveArena } from "../../ring/arena.ts";
import { ControlLoop } from "../../ring/control_loop.ts";
import { SETUP } from "../../ring/opcodes.ts";
import { Ring } from "../../ring/ring.ts";
import { UblkControl } from "../../ublk/control.ts";
import type { Machine } from "./machine.ts";

const RING_ENTRIES = 8;
/** Room for the buffers of a few commands. */
const ARENA_BYTES = 2 ** 30;

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);

/** Folders of programs; /usr/sbin is missing from an ordinary user's PATH. */
function searchPath(): string[] {
  return [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"];
}

function isProgram(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch {
    return false;
  }
}

async function askUblkFeatures(): Promise<number | string> {
  try {
    const loop = new ControlLoop(new ArenaAllocator(reserveArena(ARENA_BYTES)));
    const control = new UblkControl(loop);
    try {
      return await control.features();
    } finally {
      control.close();
      await loop.close();
    }
  } catch (error) {
    return messageOf(error);
  }
}

/** See the head of this file. */
export const thisMachine: Machine = {
  kernel: Deno.osRelease(),
  arch: Deno.build.arch,
  denoVersion: Deno.version.deno,
  read(path) {
    try {
      return readSystemText(path);
    } catch {
      return undefined;
    }
  },
  list(path) {
    try {
      return listSystemFolder(path);
    } catch {
      return [];
    }
  },
  exists: isSystemFile,
  openFailure(path) {
    try {
      close(open(path, O.RDWR));
      return null;
    } catch (error) {
      return error instanceof SystemError ? errnoName(error.errno) : messageOf(error);
    }
  },
  findCommand: (name) => searchPath().map((folder) => `${folder}/${name}`).find(isProgram),
  canLoad(library) {
    try {
      optionalLibrary(library, "", {})();
      return true;
    } catch {
      return false;
    }
  },
  ringFailure() {
    const { SINGLE_ISSUER, DEFER_TASKRUN, COOP_TASKRUN, SQE128 } = SETUP;
    try {
      for (const kind of [DEFER_TASKRUN, SQE128]) {
        new Ring(RING_ENTRIES, SINGLE_ISSUER | COOP_TASKRUN | kind).close();
      }
      return null;
    } catch (error) {
      return messageOf(error);
    }
  },
  reservableBytes(wanted) {
    try {
      return reserveArena(wanted).buffer.byteLength;
    } catch {
      return 0;
    }
  },
  ublkFeatures: askUblkFeatures,
};
