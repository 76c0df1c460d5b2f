/** The package in a form that an emulated machine unpacks in seconds instead of minutes. */
import { run } from "../support/process.ts";

const SCRIPT = `set -e
ar x "$1"
rm data.tar.*
dpkg-deb --fsys-tarfile "$1" > data.tar
ar rcD "$2" debian-binary control.tar.* data.tar`;

/** Writes the package to `target` with its files uncompressed and all else as it is. */
export async function writeUncompressed(packageFile: string, target: string): Promise<void> {
  const work = await Deno.makeTempDir({ prefix: "rnbd-package-" });
  try {
    await run("sh", ["-c", SCRIPT, "sh", packageFile, target], { cwd: work });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}
