/** The kernel's own RTRS and RNBD, which Debian ships as source only, and the modules it has. */
import { run } from "../../support/process.ts";
import type { KernelPackages } from "./kernel_packages.ts";

const BUILD_TIMEOUT_MS = 10 * 60_000;
const UNPACK_TIMEOUT_MS = 5 * 60_000;

/** Modules of the image that tests and benchmarks load. */
const NEEDED_MODULES = [
  ...["rdma_rxe", "ib_uverbs", "rdma_ucm", "veth"],
  ...["brd", "loop", "null_blk", "ublk_drv", "ext4", "scsi_debug", "dm-mod", "dm-flakey"],
  ...["nvme-tcp", "nvme-rdma", "nvmet", "nvmet-tcp", "nvmet-rdma"],
];

/** Modules that are built here, as paths below the modules folder, in the order they load in. */
export const BUILT_MODULES = {
  core: "rtrs/rtrs-core.ko",
  rtrsServer: "rtrs/rtrs-server.ko",
  rtrsClient: "rtrs/rtrs-client.ko",
  rnbdServer: "rnbd/rnbd-server.ko",
  rnbdClient: "rnbd/rnbd-client.ko",
} as const;

const SOURCE_FOLDERS = ["drivers/infiniband/ulp/rtrs", "drivers/block/rnbd"];

const CONFIGURATION = [
  "CONFIG_INFINIBAND_RTRS=m",
  "CONFIG_INFINIBAND_RTRS_CLIENT=m",
  "CONFIG_INFINIBAND_RTRS_SERVER=m",
  "CONFIG_BLK_DEV_RNBD_CLIENT=m",
  "CONFIG_BLK_DEV_RNBD_SERVER=m",
];

/** Indexes the image's modules. @throws when one that is needed is not among them */
export async function indexModules(root: string, kernelRelease: string): Promise<void> {
  await run("depmod", ["-b", root, kernelRelease]);
  for (const name of NEEDED_MODULES) {
    await run("modprobe", ["-d", root, "-S", kernelRelease, "--show-depends", name]);
  }
}

/** Paths of a module of the image and of what it needs, in the order they load in. */
export async function modulesFor(
  root: string,
  kernelRelease: string,
  name: string,
): Promise<string[]> {
  const args = ["-d", root, "-S", kernelRelease, "--show-depends", name];
  const { stdout } = await run("modprobe", args);
  return stdout.split("\n").flatMap((line) => /^insmod (\S+)/.exec(line)?.[1] ?? []);
}

/** Builds the kernel's RTRS and RNBD from `source` against the headers in `root`, into `modules`. */
export async function buildModules(
  packages: KernelPackages,
  folders: { readonly root: string; readonly source: string; readonly modules: string },
): Promise<void> {
  const archive = `${folders.source}/usr/src/${packages.source}.tar.xz`;
  const wanted = SOURCE_FOLDERS.map((folder) => `*/${folder}/*`);
  await run("tar", ["-xf", archive, "-C", folders.source, "--wildcards", ...wanted], {
    timeoutMs: UNPACK_TIMEOUT_MS,
  });
  await Deno.mkdir(folders.modules, { recursive: true });
  for (const folder of SOURCE_FOLDERS) {
    await run("cp", ["-r", `${folders.source}/${packages.source}/${folder}`, folders.modules]);
  }
  await Deno.writeTextFile(`${folders.modules}/Kbuild`, "obj-m += rtrs/ rnbd/\n");
  const headers = `${folders.root}/usr/src/linux-headers-${packages.kernelRelease}`;
  // Debian's Makefile names where its package would be installed.
  const makefile = await Deno.readTextFile(`${headers}/Makefile`);
  const moved = makefile.replaceAll(" /usr/src/", ` ${folders.root}/usr/src/`);
  await Deno.writeTextFile(`${headers}/Makefile`, moved);
  const jobs = `-j${navigator.hardwareConcurrency}`;
  const target = [`M=${folders.modules}`, `KCFLAGS=-I${folders.modules}/rtrs`, "modules"];
  await run("make", ["-s", jobs, "-C", headers, ...CONFIGURATION, ...target], {
    timeoutMs: BUILD_TIMEOUT_MS,
  });
  for (const module of Object.values(BUILT_MODULES)) {
    await Deno.stat(`${folders.modules}/${module}`);
  }
}
