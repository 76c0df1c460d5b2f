/** New files that are there whole or not at all. */
import { ApplianceError } from "../appliance/appliance_api.ts";
import { EXIT } from "./exit_codes.ts";

const MODE = 0o644;

/**
 * Writes a file that must not exist yet: beside its place first, then linked there, which fails
 * when somebody else was faster.
 * @throws ApplianceError EEXIST, or what the system said
 */
export function newFileAtomically(path: string, text: string): void {
  const draft = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    writeDurably(draft, text);
    Deno.linkSync(draft, path);
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) {
      const message = `${path} exists already; choose another name, nothing is overwritten`;
      throw new ApplianceError(message, "EEXIST", EXIT.FAILED);
    }
    const reason = error instanceof Error ? error.message : String(error);
    throw new ApplianceError(`Cannot write ${path}: ${reason}`, "EIO", EXIT.FAILED);
  } finally {
    removeIfThere(draft);
  }
}

function writeDurably(path: string, text: string): void {
  using file = Deno.openSync(path, { write: true, createNew: true, mode: MODE });
  const bytes = new TextEncoder().encode(text.endsWith("\n") ? text : `${text}\n`);
  for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
  file.syncSync();
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
