/**
 * A line for udev: which mapping a block device belongs to. The kernel can tell it only a number,
 * and a device's first event comes before START_DEV returns, so the name is written before that.
 * packaging/udev makes /dev/rnbd/NAME and the by-id links of it, which is how systemd learns that
 * the device of a line in fstab is there.
 */

/** Characters that udev takes into a link as they are, told to leave them alone. */
const PLAIN_NAME = /^[A-Za-z0-9_.:@!+=,~-]+$/;

/** Folder of the records; udev looks for it in /run/rnbd-appliance, the default runtime folder. */
export const udevRecords = (runtimeDir: string): string => `${runtimeDir}/udev`;

const recordPath = (folder: string, id: number): string => `${folder}/ublkb${id}`;

/**
 * Writes the name of device `id`; a name that udev would change is left out, and has no links but
 * our own. The record outlives the program, as the device may.
 * @throws Deno.errors.* when the folder cannot be written to
 */
export function writeUdevRecord(folder: string, id: number, name: string): void {
  if (!PLAIN_NAME.test(name)) return removeUdevRecord(folder, id);
  const text = `RNBD_NAME=${name}\n`;
  const path = recordPath(folder, id);
  if (readIfThere(path) === text) return;
  Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const fresh = `${path}.new`;
  Deno.writeTextFileSync(fresh, text, { mode: 0o600 });
  Deno.renameSync(fresh, path);
}

/** Removes the record of a device that is gone. */
export function removeUdevRecord(folder: string, id: number): void {
  try {
    Deno.removeSync(recordPath(folder, id));
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
