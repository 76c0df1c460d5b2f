/** Makes the guest's kernel, modules and initramfs once, and finds them again after that. */
import {
  machineFolder,
  PROVISION_VERSION,
  readReadyMark,
  readyKernels,
  type ReadyMark,
  withCacheLock,
} from "./cache.ts";
import { makeInitramfs } from "./initramfs.ts";
import { buildModules, indexModules } from "./kernel_modules.ts";
import { findKernelPackages, type KernelPackages, unpackKernel } from "./kernel_packages.ts";
import { requireVirtualMachines } from "./requirements.ts";

/** A provisioned machine; all paths are absolute and the same in the guest. */
export interface Machine {
  readonly folder: string;
  readonly kernelRelease: string;
  readonly kernel: string;
  readonly initramfs: string;
  /** Bound over `/lib/modules` in the guest. */
  readonly imageModules: string;
  /** Where the kernel's RTRS and RNBD are. */
  readonly builtModules: string;
}

function machineAt(folder: string, { kernelRelease }: ReadyMark): Machine {
  return {
    folder,
    kernelRelease,
    kernel: `${folder}/root/boot/vmlinuz-${kernelRelease}`,
    initramfs: `${folder}/initramfs.gz`,
    imageModules: `${folder}/root/lib/modules`,
    builtModules: `${folder}/modules`,
  };
}

/**
 * The machine, made when it is not there yet: about a minute and, when done, 700 MB.
 * @param tell called with what is being done, as it takes long
 * @throws {SkipTest} when this machine lacks something
 */
export async function provisionMachine(tell: (what: string) => void): Promise<Machine> {
  requireVirtualMachines();
  return await withCacheLock(async () => {
    const newest = readyKernels().at(-1);
    if (newest !== undefined) return readMachine(newest)!;
    const packages = await findKernelPackages();
    await makeMachine(packages, tell);
    return readMachine(packages.kernelRelease)!;
  });
}

function readMachine(kernelRelease: string): Machine | undefined {
  const folder = machineFolder(kernelRelease);
  const mark = readReadyMark(folder);
  return mark === undefined ? undefined : machineAt(folder, mark);
}

async function makeMachine(packages: KernelPackages, tell: (what: string) => void): Promise<void> {
  const { kernelRelease } = packages;
  const folder = machineFolder(kernelRelease);
  // The mark is written last, so whatever is there is what an earlier run did not finish.
  await removeFolder(folder);
  await Deno.mkdir(folder, { recursive: true });
  const work = `${folder}/work`;
  const folders = { root: `${folder}/root`, source: `${work}/source`, scratch: `${work}/packages` };
  tell(`downloading and unpacking Linux ${kernelRelease}`);
  await unpackKernel(packages, folders);
  await indexModules(folders.root, kernelRelease);
  tell("building the kernel's RTRS and RNBD");
  await buildModules(packages, { ...folders, modules: `${folder}/modules` });
  tell("making the initramfs");
  const initramfs = `${folder}/initramfs.gz`;
  await makeInitramfs(folders.root, kernelRelease, initramfs, `${work}/initramfs`);
  for (const unneeded of [work, `${folders.root}/usr`]) await removeFolder(unneeded);
  const mark: ReadyMark = { provisionVersion: PROVISION_VERSION, kernelRelease };
  await Deno.writeTextFile(`${folder}/ready.new`, JSON.stringify(mark) + "\n");
  await Deno.rename(`${folder}/ready.new`, `${folder}/ready`);
}

async function removeFolder(folder: string): Promise<void> {
  try {
    await Deno.remove(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
