/** Loop devices for tests: a scratch image behind a real block device, gone with the test. */
import { requireCommand, requireRoot } from "./skip.ts";
import { writeSparseFile } from "./temporary.ts";

/** A loop device; `await using` detaches it and removes its image. */
export interface LoopDevice extends AsyncDisposable {
  /** `/dev/loopN`. */
  readonly path: string;
  /** The file behind it. */
  readonly image: string;
}

/** What the device is to be like. */
export interface LoopDeviceOptions {
  readonly sizeBytes: number;
  /** Logical block size, 512 or 4096. */
  readonly sectorBytes?: number;
  readonly readOnly?: boolean;
  /** Where the image lies; default: a temporary directory. */
  readonly image?: string;
}

/** Runs a program; throws with what it said when it fails. Returns its standard output. */
export async function runProgram(program: string, ...args: string[]): Promise<string> {
  const output = await new Deno.Command(program, { args }).output();
  const text = new TextDecoder();
  if (!output.success) {
    throw new Error(`${program} ${args.join(" ")} failed: ${text.decode(output.stderr).trim()}`);
  }
  return text.decode(output.stdout).trim();
}

/** @throws SkipTest when this machine or user cannot have loop devices */
export function requireLoopDevices(): void {
  requireRoot("a loop device");
  requireCommand("losetup", "mount");
}

/**
 * Makes an image and puts a loop device in front of it.
 * @throws SkipTest without root or losetup
 */
export async function attachLoopDevice(options: LoopDeviceOptions): Promise<LoopDevice> {
  requireLoopDevices();
  const image = options.image ?? await Deno.makeTempFile({ prefix: "rnbd-loop-" });
  try {
    await writeSparseFile(image, options.sizeBytes);
    const sector = ["--sector-size", String(options.sectorBytes ?? 512)];
    const readOnly = options.readOnly ? ["--read-only"] : [];
    const path = await runProgram("losetup", "--find", "--show", ...sector, ...readOnly, image);
    return {
      path,
      image,
      async [Symbol.asyncDispose]() {
        await runProgram("losetup", "--detach", path);
        await Deno.remove(image);
      },
    };
  } catch (error) {
    await Deno.remove(image);
    throw error;
  }
}

/** Flush requests that a block device has got so far (Documentation/block/stat.rst, field 16). */
export async function flushCount(device: string): Promise<number> {
  const name = device.slice(device.lastIndexOf("/") + 1);
  const fields = (await Deno.readTextFile(`/sys/block/${name}/stat`)).trim().split(/\s+/);
  const FLUSHES = 15;
  return Number(fields[FLUSHES]);
}

/** A mounted file system; `await using` unmounts it and removes its directory. */
export interface Mounted extends AsyncDisposable {
  readonly path: string;
}

/** Mounts a file system on a temporary directory; needs root. */
export async function mountFileSystem(
  type: string,
  source: string,
  options: string,
): Promise<Mounted> {
  requireRoot("mounting");
  const path = await Deno.makeTempDir({ prefix: "rnbd-mount-" });
  try {
    await runProgram("mount", "-t", type, "-o", options, source, path);
  } catch (error) {
    await Deno.remove(path);
    throw error;
  }
  return {
    path,
    async [Symbol.asyncDispose]() {
      await runProgram("umount", path);
      await Deno.remove(path);
    },
  };
}
