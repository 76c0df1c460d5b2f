/** Where provisioned machines are kept between runs, and who may work on them. */

/**
 * Raised whenever what provisioning leaves in the folder changes, so that older folders are not
 * taken for ready.
 */
export const PROVISION_VERSION = 1;

/** What a provisioned folder says about itself, in its file `ready`. */
export interface ReadyMark {
  readonly provisionVersion: number;
  /** Of the guest's kernel, such as `6.12.117+deb12-amd64`. */
  readonly kernelRelease: string;
}

/** Folder that holds one folder per kernel; `RNBD_TEST_VM_DIR` takes its place. */
export function cacheRoot(): string {
  const chosen = Deno.env.get("RNBD_TEST_VM_DIR");
  if (chosen !== undefined && chosen !== "") return chosen;
  const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME") ?? "/var/tmp"}/.cache`;
  return `${cache}/rnbd-appliance`;
}

/** Folder of the machine with this kernel. */
export const machineFolder = (kernelRelease: string): string =>
  `${cacheRoot()}/vm-${kernelRelease}`;

/** The mark of a folder that is complete and of this version, or undefined. */
export function readReadyMark(folder: string): ReadyMark | undefined {
  try {
    const mark = JSON.parse(Deno.readTextFileSync(`${folder}/ready`)) as ReadyMark;
    return mark.provisionVersion === PROVISION_VERSION ? mark : undefined;
  } catch {
    return undefined;
  }
}

/** Kernels that are ready in the cache, newest name last. */
export function readyKernels(): string[] {
  const kernels: string[] = [];
  try {
    for (const entry of Deno.readDirSync(cacheRoot())) {
      const mark = entry.name.startsWith("vm-")
        ? readReadyMark(`${cacheRoot()}/${entry.name}`)
        : undefined;
      if (mark !== undefined) kernels.push(mark.kernelRelease);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return kernels.sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
}

/** Runs `work` while no other process provisions in this cache; the lock ends with the process. */
export async function withCacheLock<T>(work: () => Promise<T>): Promise<T> {
  await Deno.mkdir(cacheRoot(), { recursive: true });
  using file = await Deno.open(`${cacheRoot()}/lock`, { write: true, create: true });
  await file.lock(true);
  return await work();
}
