/** The guest's first file system: enough to get at this machine's files and start the guest program. */
import { run } from "../../support/process.ts";
import { modulesFor } from "./kernel_modules.ts";

/** Modules without which the host's files cannot be reached. */
const BOOT_MODULES = ["virtio_pci", "9pnet_virtio", "9p", "overlay"];

/** Name under which QEMU offers this machine's root. */
export const ROOT_TAG = "hostroot";

/** What the guest prints on its console once the host's files are there. */
export const GUEST_UP = "GUEST UP";

/** Kernel parameter that names the folder with the guest's `start.sh`. */
export const JOB_PARAMETER = "rnbd.job";

/** How every guest begins: the kernel's file systems, and the modules it boots with. */
export const INIT_BEGIN = `#!/bin/sh
b() { /bin/busybox "$@"; }
b mount -t proc proc /proc
b mount -t sysfs sys /sys
b mount -t devtmpfs dev /dev
for module in $(b cat /modules.list); do b insmod "/modules/$module"; done`;

/**
 * First program of the guest. The host's root is mounted read-only with memory over it, so that
 * every path is the same in both and nothing of the guest stays behind.
 */
const INIT = `${INIT_BEGIN}
b mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro ${ROOT_TAG} /lower
b mount -t tmpfs tmpfs /memory
b mkdir -p /memory/upper /memory/work
b mount -t overlay -o lowerdir=/lower,upperdir=/memory/upper,workdir=/memory/work overlay /newroot
for name in proc sys dev; do b mount --move "/$name" "/newroot/$name"; done
exec /bin/busybox switch_root /newroot /bin/sh -c '
  export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  for word in $(cat /proc/cmdline); do
    case "$word" in ${JOB_PARAMETER}=*) job=\${word#*=};; esac
  done
  mount -t tmpfs tmpfs /run
  mkdir -p /dev/shm /dev/pts
  mount -t tmpfs tmpfs /dev/shm
  mount -t devpts devpts /dev/pts
  mount -t debugfs debugfs /sys/kernel/debug
  ip link set lo up
  echo "${GUEST_UP} $(cut -d" " -f1 /proc/uptime)"
  /bin/sh "$job/start.sh"
  echo "GUEST END rc=$? $(cut -d" " -f1 /proc/uptime)"
  sync
  echo o > /proc/sysrq-trigger
  while :; do sleep 1; done'
`;

/** What an initramfs has besides busybox. */
export interface InitramfsContent {
  /** Names of modules; those that they need come with them. */
  readonly modules: readonly string[];
  /** Text of `/init`; `/modules.list` names the files in `/modules` in the order they load in. */
  readonly init: string;
}

/** Writes the compressed initramfs of a guest that runs on this machine's files to `file`. */
export const makeInitramfs = (
  root: string,
  kernelRelease: string,
  file: string,
  scratch: string,
): Promise<void> =>
  packInitramfs(root, kernelRelease, { modules: BOOT_MODULES, init: INIT }, file, scratch);

/** Writes a compressed initramfs with the modules of the kernel in `root` to `file`. */
export async function packInitramfs(
  root: string,
  kernelRelease: string,
  content: InitramfsContent,
  file: string,
  scratch: string,
): Promise<void> {
  for (const folder of ["bin", "dev", "proc", "sys", "lower", "memory", "newroot", "modules"]) {
    await Deno.mkdir(`${scratch}/${folder}`, { recursive: true });
  }
  await Deno.copyFile("/bin/busybox", `${scratch}/bin/busybox`);
  await Deno.symlink("busybox", `${scratch}/bin/sh`);
  const paths = new Set<string>();
  for (const name of content.modules) {
    for (const path of await modulesFor(root, kernelRelease, name)) paths.add(path);
  }
  const names: string[] = [];
  for (const path of paths) {
    const name = path.slice(path.lastIndexOf("/") + 1).replace(/\.xz$/, "");
    const unpack = path.endsWith(".xz") ? "xz -dc" : "cat";
    await run("sh", ["-c", `${unpack} "$1" > "$2"`, "sh", path, `${scratch}/modules/${name}`]);
    names.push(name);
  }
  await Deno.writeTextFile(`${scratch}/modules.list`, names.join("\n") + "\n");
  await Deno.writeTextFile(`${scratch}/init`, content.init, { mode: 0o755 });
  const archive = `find . | cpio -o -H newc --quiet -R 0:0 | gzip -1 > "$1"`;
  await run("sh", ["-c", archive, "sh", file], { cwd: scratch });
}
