/** The guest's kernel, out of Debian's packages; nothing is installed on this machine. */
import { SkipTest } from "../../support/skip.ts";
import { run, tryRun } from "../../support/process.ts";

const DOWNLOAD_TIMEOUT_MS = 10 * 60_000;
const UNPACK_TIMEOUT_MS = 5 * 60_000;
const SERIES = "6.12";

/** Packages that make up one kernel. */
export interface KernelPackages {
  /** Such as `6.12.117+deb12-amd64`. */
  readonly kernelRelease: string;
  readonly image: string;
  readonly headers: readonly string[];
  /** Has the sources of the modules that Debian does not build. */
  readonly source: string;
}

/**
 * The newest 6.12 kernel that apt knows.
 * @throws {SkipTest} when it knows none
 */
export async function findKernelPackages(): Promise<KernelPackages> {
  const { stdout } = await run("apt-cache", ["pkgnames", `linux-`]);
  const names = new Set(stdout.split("\n"));
  const releases = [...names]
    .map((name) => /^linux-headers-(6\.12\.[0-9.]+\+deb1[0-9]-amd64)$/.exec(name)?.[1])
    .filter((release) => release !== undefined)
    .sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
  for (const kernelRelease of releases) {
    const base = kernelRelease.replace(/-amd64$/, "");
    const image = [`linux-image-${kernelRelease}`, `linux-image-${kernelRelease}-unsigned`]
      .find((name) => names.has(name));
    const headers = [
      `linux-headers-${kernelRelease}`,
      `linux-headers-${base}-common`,
      `linux-kbuild-${base}`,
    ];
    const source = `linux-source-${SERIES}`;
    if (image === undefined || ![...headers, source].every((name) => names.has(name))) continue;
    return { kernelRelease, image, headers, source };
  }
  throw new SkipTest(
    `apt knows no complete Linux ${SERIES}`,
    "add Debian 12's security archive (bookworm-security) and run apt-get update as root",
  );
}

/**
 * Downloads the packages and unpacks image and headers into `root`, the source into `source`.
 * @throws {SkipTest} when apt cannot get them
 */
export async function unpackKernel(
  packages: KernelPackages,
  folders: { readonly root: string; readonly source: string; readonly scratch: string },
): Promise<void> {
  for (const folder of Object.values(folders)) await Deno.mkdir(folder, { recursive: true });
  const names = [packages.image, ...packages.headers, packages.source];
  const download = await tryRun("apt-get", ["download", "-qq", ...names], {
    cwd: folders.scratch,
    timeoutMs: DOWNLOAD_TIMEOUT_MS,
  });
  const files = [...Deno.readDirSync(folders.scratch)].map(({ name }) => name);
  const fileOf = (name: string) => files.find((file) => file.startsWith(`${name}_`));
  const missing = names.filter((name) => fileOf(name) === undefined);
  if (download.code !== 0 || missing.length > 0) {
    const why = download.stderr.trim().split("\n").slice(-3).join("; ");
    throw new SkipTest(
      `apt-get download of ${missing.join(" ") || "kernel packages"} failed: ${why}`,
      "run apt-get update as root, with the network up",
    );
  }
  const unpack = (name: string, folder: string) =>
    run("dpkg", ["-x", `${folders.scratch}/${fileOf(name)}`, folder], {
      timeoutMs: UNPACK_TIMEOUT_MS,
    });
  for (const name of [packages.image, ...packages.headers]) await unpack(name, folders.root);
  await unpack(packages.source, folders.source);
}
