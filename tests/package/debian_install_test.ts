/** The Debian package in a root folder with Debian's smallest system: installed, used, purged. */
import assert from "node:assert/strict";
import { skippable } from "../support/skip.ts";
import { builtPackage } from "./support/built_package.ts";
import { type DebianRoot, debianRoot } from "./support/debian_root.ts";
import { assertNoRuntimes, runConfigJob, runDemo } from "./support/jobs.ts";

const APT_TIMEOUT_MS = 3 * 60_000;

/** What apt, dpkg, ldconfig and groupadd (of libibverbs1) keep for themselves. */
const BOOKKEEPING = [
  "/var/cache/apt/*",
  "/var/cache/debconf/*",
  "/var/cache/ldconfig/*",
  "/var/lib/apt/*",
  "/var/lib/dpkg/*",
  "/var/log/*",
  "/etc/ld.so.cache",
  "/etc/g*-",
];

async function filesOf({ run }: DebianRoot): Promise<string[]> {
  const exclusions = BOOKKEEPING.flatMap((path) => ["-not", "-path", path]);
  const { stdout } = await run("find", ["/", "-xdev", ...exclusions]);
  return stdout.trimEnd().split("\n").filter((path) => path !== "/package.deb").sort();
}

const apt = (root: DebianRoot, ...args: string[]) =>
  root.run("apt-get", ["-y", "-q", ...args], { timeoutMs: APT_TIMEOUT_MS });

async function install(root: DebianRoot): Promise<void> {
  await Deno.copyFile(await builtPackage(), `${root.path}/package.deb`);
  await apt(root, "install", "--no-install-recommends", "/package.deb", "ibverbs-providers");
}

skippable(
  "installed: apt brings what it depends on; the demo and the --config job run",
  async () => {
    await using root = await debianRoot();
    await install(root);
    await assertNoRuntimes(root);
    const { stdout } = await root.run("rnbd-appliance", ["--version"]);
    assert.match(stdout, /^rnbd-appliance \d+\.\d+\.\d+ \(/);
    assert.match(await runDemo(root), /io_uring_enter/);
    await runConfigJob(root);
    const config = "/etc/rnbd-appliance/rnbd.toml";
    assert.equal(
      (await root.run("rnbd-appliance", ["check", "--config", config])).stdout,
      `${config}: ok\n`,
    );
    // Installed, nothing has to be unpacked: there is only what V8 keeps for the next start.
    const cached = [...Deno.readDirSync(`${root.path}/var/cache/rnbd-appliance`)];
    assert.deepEqual(cached.filter(({ name }) => !name.endsWith(".code")), []);
    const enabled =
      `${root.path}/etc/systemd/system/multi-user.target.wants/rnbd-appliance.service`;
    assert.equal(await Deno.readLink(enabled), "/lib/systemd/system/rnbd-appliance.service");
  },
);

skippable(
  "installed: purge leaves nothing, of the administrator and of the one file either",
  async () => {
    await using root = await debianRoot();
    const before = await filesOf(root);
    await install(root);
    const etc = `${root.path}/etc/rnbd-appliance`;
    await Deno.writeTextFile(`${etc}/conf.d/10-mine.toml`, "[node]\n");
    await Deno.writeTextFile(`${etc}/rnbd.toml`, "# changed\n", { append: true });
    await Deno.mkdir(`${root.path}/var/cache/rnbd-appliance/some-version`, { recursive: true });
    await apt(root, "remove", "rnbd-appliance");
    assert.match(
      await Deno.readTextFile(`${etc}/rnbd.toml`),
      /^# changed$/m,
      "remove keeps the config",
    );
    assert.equal(await Deno.readTextFile(`${etc}/conf.d/10-mine.toml`), "[node]\n");
    await apt(root, "purge", "--auto-remove", "rnbd-appliance", "ibverbs-providers");
    assert.deepEqual(difference(await filesOf(root), before), []);
  },
);

skippable("installed: an upgrade keeps what the administrator changed", async () => {
  await using root = await debianRoot();
  await install(root);
  const config = `${root.path}/etc/rnbd-appliance/rnbd.toml`;
  await Deno.writeTextFile(config, "# changed\n", { append: true });
  const { stdout } = await apt(root, "install", "--reinstall", "/package.deb");
  assert.doesNotMatch(stdout, /Configuration file/, "no question, as the package's is the same");
  assert.match(await Deno.readTextFile(config), /^# changed$/m);
});

const difference = (all: readonly string[], known: readonly string[]): string[] => {
  const set = new Set(known);
  return all.filter((one) => !set.has(one));
};
