/** A Debian 12 with systemd on a disk of its own: made once, kept beside the guest's kernel. */
import { requireCommand, requireRoot, SkipTest } from "../../support/skip.ts";
import { run, tryRun } from "../../support/process.ts";
import { withCacheLock } from "../../vm/machine/cache.ts";
import { INIT_BEGIN, packInitramfs } from "../../vm/machine/initramfs.ts";
import type { Machine } from "../../vm/machine/provision.ts";
import { ENABLED_UNITS, MASKED_UNITS, PACKAGES_FOLDER, ROOT_FILES } from "./root_files.ts";

/** Raised whenever what is made here changes, apart from the files of `root_files.ts`. */
const IMAGE_VERSION = 1;

/** The machine's disk and how to boot from it; nobody makes it anew before it is disposed of. */
export interface SystemImage extends Disposable {
  readonly machine: Machine;
  /** Raw ext4, never written: guests run on overlays over it. */
  readonly disk: string;
  readonly initramfs: string;
}

const DISK_MIB = 1536;
const BOOTSTRAP_TIMEOUT_MS = 10 * 60_000;

/** What the guest has besides what Debian calls essential. */
const PACKAGES = [
  ...["systemd", "systemd-sysv", "udev", "dbus", "kmod", "e2fsprogs", "iproute2", "procps"],
];

/** What the package under test depends on: for apt to fetch from the guest's own archive. */
const INSTALLABLE = ["liburing2", "libibverbs1", "librdmacm1", "ibverbs-providers"];

/** Modules without which the disk cannot be reached. */
const BOOT_MODULES = ["virtio_pci", "virtio_blk", "ext4"];

const INIT = `${INIT_BEGIN}
b mount -t ext4 /dev/vda /newroot
for name in proc sys dev; do b mount --move "/$name" "/newroot/$name"; done
exec /bin/busybox switch_root /newroot /sbin/init
`;

/** Downloads to \`/srv/packages\` what is not installed; runs with the new root as \`$1\`. */
const FETCH_INSTALLABLE = `set -e
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
apt-get clean
apt-get install --yes --download-only --no-install-recommends ${INSTALLABLE.join(" ")}
mkdir -p "$1${PACKAGES_FOLDER}"
cp "$1"/var/cache/apt/archives/*.deb "$1${PACKAGES_FOLDER}/"`;

/** @throws {SkipTest} naming what is missing and how to get it */
function requireImageTools(): void {
  requireRoot("a root folder with its owners and devices");
  const tools = [
    ["mmdebstrap", "mmdebstrap"],
    ["dpkg-scanpackages", "dpkg-dev"],
    ["ar", "binutils"],
    ["mke2fs", "e2fsprogs"],
    ["qemu-img", "qemu-utils"],
    ["dumpe2fs", "e2fsprogs"],
    ["debugfs", "e2fsprogs"],
  ] as const;
  for (const [command, debianPackage] of tools) requireCommand(command, debianPackage);
}

/** Tells images apart that this source makes differently. */
async function imageKey(): Promise<string> {
  const made = { IMAGE_VERSION, PACKAGES, INSTALLABLE, ROOT_FILES, ENABLED_UNITS, MASKED_UNITS };
  const text = new TextEncoder().encode(JSON.stringify(made) + INIT + DISK_MIB);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  return Array.from(digest.subarray(0, 8), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * The image, made when it is not there yet: two minutes and, when done, 330 MB.
 * @param tell called with what is being done, as it takes long
 * @throws {SkipTest} when this machine lacks something
 */
export async function provisionSystemImage(
  machine: Machine,
  tell: (what: string) => void,
): Promise<SystemImage> {
  requireImageTools();
  const folder = `${machine.folder}/systemd`;
  return await withCacheLock(async () => {
    const users = await Deno.open(`${folder}.users`, { write: true, create: true });
    const image: SystemImage = {
      machine,
      disk: `${folder}/disk.raw`,
      initramfs: `${folder}/initramfs.gz`,
      [Symbol.dispose]: () => users.close(),
    };
    try {
      const key = await imageKey();
      if (await readText(`${folder}/ready`) !== key) {
        await users.lock(true);
        tell("making a Debian 12 with systemd");
        await makeImage(image, folder);
        await Deno.writeTextFile(`${folder}/ready`, key);
        await users.unlock();
      }
      await users.lock(false);
      return image;
    } catch (error) {
      users.close();
      throw error;
    }
  });
}

async function readText(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return undefined;
  }
}

async function makeImage(image: SystemImage, folder: string): Promise<void> {
  const { machine, disk, initramfs } = image;
  await removeFolder(folder);
  const work = `${folder}/work`;
  const root = `${work}/root`;
  await Deno.mkdir(work, { recursive: true });
  await bootstrap(root);
  await Deno.mkdir(`${root}/lib/modules`, { recursive: true });
  await run("cp", ["-a", `${machine.imageModules}/.`, `${root}/lib/modules/`]);
  for (const { path, text, mode } of ROOT_FILES) {
    await Deno.mkdir(`${root}${path.slice(0, path.lastIndexOf("/"))}`, { recursive: true });
    await Deno.writeTextFile(`${root}${path}`, text, { mode: mode ?? 0o644 });
  }
  const scan = `dpkg-scanpackages --multiversion . > Packages`;
  await run("sh", ["-c", scan], { cwd: `${root}${PACKAGES_FOLDER}` });
  await run("chroot", [root, "apt-get", "update", "-qq"]);
  await run("systemctl", ["--root", root, "enable", ...ENABLED_UNITS]);
  await run("systemctl", ["--root", root, "mask", ...MASKED_UNITS]);
  const options = ["-q", "-t", "ext4", "-E", "root_owner=0:0", "-d", root];
  await run("mke2fs", [...options, disk, `${DISK_MIB}M`], { timeoutMs: BOOTSTRAP_TIMEOUT_MS });
  const content = { modules: BOOT_MODULES, init: INIT };
  const modulesRoot = `${machine.folder}/root`;
  await packInitramfs(
    modulesRoot,
    machine.kernelRelease,
    content,
    initramfs,
    `${work}/initramfs`,
  );
  await removeFolder(work);
}

/** @throws {SkipTest} when the archive cannot be reached */
async function bootstrap(root: string): Promise<void> {
  const unneeded = ["doc", "locale", "man", "info"].map((name) => `/usr/share/${name}/*`);
  const result = await tryRun("mmdebstrap", [
    ...["--mode=root", "--variant=minbase", "--format=directory", "--quiet"],
    ...unneeded.map((path) => `--dpkgopt=path-exclude=${path}`),
    `--include=${PACKAGES.join(",")}`,
    `--customize-hook=${FETCH_INSTALLABLE}`,
    // The options for building are not those for running.
    `--customize-hook=rm -f "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"`,
    ...["bookworm", root, "deb http://deb.debian.org/debian bookworm main"],
  ], { timeoutMs: BOOTSTRAP_TIMEOUT_MS });
  if (result.code === 0) return;
  const why = result.stderr.trim().split("\n").slice(-3).join("; ");
  throw new SkipTest(`mmdebstrap failed: ${why}`, "try again with the network up");
}

async function removeFolder(folder: string): Promise<void> {
  try {
    await Deno.remove(folder, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
