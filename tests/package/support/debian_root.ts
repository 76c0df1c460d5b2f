/**
 * A root folder with nothing but Debian 12's smallest system in it, without Deno and npm, and
 * commands that run in it: as the machine of somebody who only has the file or the package.
 */
import { requireCommand, requireRoot, SkipTest } from "../../support/skip.ts";
import { run, type RunOptions, tryRun } from "../../support/process.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { cacheRoot, withCacheLock } from "../../vm/machine/cache.ts";

/** Raised whenever what is made here changes. */
const ROOT_VERSION = 2;

/** Where the packages that {@link INSTALLABLE} names lie in the root folder. */
const PACKAGES_FOLDER = "/srv/packages";

/** What our package depends on and recommends: apt fetches it from the root folder itself. */
const INSTALLABLE = [
  ...["kmod", "libibverbs1", "librdmacm1", "liburing2", "mount", "libgcc-s1"],
  "ibverbs-providers",
];

const MAKE_TIMEOUT_MS = 10 * 60_000;

/** Downloads {@link INSTALLABLE}; runs with the new root as `$1`. */
const FETCH = `set -e
export APT_CONFIG="$MMDEBSTRAP_APT_CONFIG"
apt-get clean
apt-get install --yes --download-only --no-install-recommends ${INSTALLABLE.join(" ")}
mkdir -p "$1${PACKAGES_FOLDER}"
find "$1/var/cache/apt/archives" -name '*.deb' -exec cp {} "$1${PACKAGES_FOLDER}/" ';'`;

/** A root folder of one's own; `await using` removes it. */
export interface DebianRoot extends AsyncDisposable {
  /** Its place on this machine. */
  readonly path: string;
  /** Runs a command in it, as root, with its own processes and no network but a loopback. */
  tryRun(command: string, args: readonly string[], options?: RunOptions): ReturnType<typeof tryRun>;
  /** The same, but anything but exit code 0 throws. */
  run(command: string, args: readonly string[], options?: RunOptions): ReturnType<typeof run>;
}

/**
 * A fresh copy.
 * @throws {SkipTest} where this machine lacks what it takes
 */
export async function debianRoot(): Promise<DebianRoot> {
  requireRoot("a root folder with its owners and devices");
  requireCommand("mmdebstrap", "mmdebstrap");
  requireCommand("dpkg-scanpackages", "dpkg-dev");
  requireCommand("ip", "iproute2");
  const pristine = await withCacheLock(pristineRoot);
  const directory = await temporaryDirectory("rnbd-root-");
  const path = `${directory.path}/root`;
  await run("cp", ["-a", pristine, path], { timeoutMs: MAKE_TIMEOUT_MS });
  return {
    path,
    tryRun: (command, args, options) => tryRun("unshare", inside(path, command, args), options),
    run: (command, args, options) => run("unshare", inside(path, command, args), options),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

/** Mounts and processes end with the command, also when it is killed. */
function inside(root: string, command: string, args: readonly string[]): string[] {
  const enter = `ip link set lo up &&
    mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/run" &&
    exec chroot "$0" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 \\
      DEBIAN_FRONTEND=noninteractive "$@"`;
  const namespaces = ["--mount", "--pid", "--net", "--fork", "--kill-child"];
  return [...namespaces, "sh", "-c", enter, root, command, ...args];
}

/** The folder that is copied; made once. @throws {SkipTest} when the archive cannot be reached */
async function pristineRoot(): Promise<string> {
  const folder = `${cacheRoot()}/debian-root-${ROOT_VERSION}`;
  try {
    await Deno.lstat(folder);
    return folder;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const fresh = `${folder}.new`;
  await run("rm", ["-rf", fresh]);
  const result = await tryRun("mmdebstrap", [
    ...["--mode=root", "--variant=minbase", "--format=directory", "--quiet"],
    "--dpkgopt=force-unsafe-io",
    ...["doc", "locale", "man", "info"].map((name) =>
      `--dpkgopt=path-exclude=/usr/share/${name}/*`
    ),
    `--customize-hook=${FETCH}`,
    // The options for building are not those for running.
    `--customize-hook=rm -f "$1/etc/dpkg/dpkg.cfg.d/99mmdebstrap"`,
    ...["bookworm", fresh, "deb http://deb.debian.org/debian bookworm main"],
  ], { timeoutMs: MAKE_TIMEOUT_MS });
  if (result.code !== 0) {
    const why = result.stderr.trim().split("\n").slice(-3).join("; ");
    throw new SkipTest(`mmdebstrap failed: ${why}`, "try again with the network up");
  }
  await run("sh", ["-c", "dpkg-scanpackages --multiversion . > Packages"], {
    cwd: `${fresh}${PACKAGES_FOLDER}`,
  });
  // Nobody needs these files after a power cut.
  await Deno.writeTextFile(`${fresh}/etc/dpkg/dpkg.cfg.d/unsafe-io`, "force-unsafe-io\n");
  const source = `deb [trusted=yes] file:${PACKAGES_FOLDER} ./\n`;
  await Deno.writeTextFile(`${fresh}/etc/apt/sources.list`, source);
  await run("unshare", inside(fresh, "apt-get", ["update", "-qq"]));
  await Deno.rename(fresh, folder);
  return folder;
}
