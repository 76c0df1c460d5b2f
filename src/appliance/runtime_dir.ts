/** The folder that holds the sockets of one appliance. */
import { ApplianceError } from "./appliance_api.ts";

/**
 * Makes the folder (mode 0700) or checks that it is ours: in a place where anyone can write,
 * somebody else may have made it first.
 * @throws ApplianceError when it cannot be used
 */
export function prepareRuntimeDir(path: string): void {
  try {
    Deno.mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) {
      const reason = error instanceof Error ? error.message : String(error);
      const message = `Cannot make the runtime folder ${path} (${reason}); make it, or name ` +
        "another one as node.runtime_dir";
      throw new ApplianceError(message, "EACCES", 1);
    }
  }
  const info = Deno.lstatSync(path);
  const real = info.isSymlink ? Deno.statSync(path) : info;
  const uid = Deno.uid();
  if (!real.isDirectory || info.uid !== uid || real.uid !== uid) {
    const message = `The runtime folder ${path} is no folder of user ${uid}; remove it, or name ` +
      "another one as node.runtime_dir";
    throw new ApplianceError(message, "EPERM", 1);
  }
}
