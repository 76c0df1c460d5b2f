/** The Debian package: what is in it, what lintian says, and that its bytes depend on nothing else. */
import assert from "node:assert/strict";
import { VERSION } from "../../src/appliance/version.ts";
import { run, tryRun } from "../support/process.ts";
import { repositoryRoot } from "../support/program.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { sha256File, temporaryDirectory } from "../support/temporary.ts";
import { builtExecutable } from "./support/built.ts";
import { buildPackage, builtPackage } from "./support/built_package.ts";

const LINTIAN_TIMEOUT_MS = 3 * 60_000;

/** Files, without those of the program itself and the documents. */
const EXPECTED = [
  "/etc/modprobe.d/rnbd-appliance.conf",
  "/etc/rnbd-appliance/conf.d/",
  "/etc/rnbd-appliance/rnbd.toml",
  "/lib/systemd/system/rnbd-appliance.service",
  "/lib/udev/rules.d/61-rnbd-appliance.rules",
  "/usr/bin/rnbd-appliance -> ../lib/rnbd-appliance/rnbd-appliance",
  "/usr/lib/modules-load.d/rnbd-appliance.conf",
  "/usr/lib/rnbd-appliance/rnbd-appliance",
  "/usr/lib/rnbd-appliance/unmount-devices",
  "/usr/lib/systemd/system/user-.slice.d/50-rnbd-appliance.conf",
  "/usr/share/bash-completion/completions/rnbd-appliance",
  "/usr/share/doc/rnbd-appliance/README.md",
  "/usr/share/doc/rnbd-appliance/changelog.gz",
  "/usr/share/doc/rnbd-appliance/copyright",
  "/usr/share/doc/rnbd-appliance/deployment.md",
  "/usr/share/doc/rnbd-appliance/examples/grafana-dashboard.json",
  "/usr/share/doc/rnbd-appliance/examples/server.toml",
  "/usr/share/doc/rnbd-appliance/rnbd-appliance.cdx.json",
  "/usr/share/fish/vendor_completions.d/rnbd-appliance.fish",
  "/usr/share/lintian/overrides/rnbd-appliance",
  "/usr/share/man/man5/rnbd-appliance.toml.5.gz",
  "/usr/share/man/man8/rnbd-appliance.8.gz",
  "/usr/share/zsh/vendor-completions/_rnbd-appliance",
];

/** Where files may be that {@link EXPECTED} does not name. */
const FURTHER = [
  /^\/usr\/lib\/rnbd-appliance\/(program|runtime)\/[\w.-]+$/,
  /^\/usr\/share\/doc\/rnbd-appliance\/[\w-]+(\.schema)?\.(md|svg|json)$/,
  /^\/usr\/share\/doc\/rnbd-appliance\/examples\/\w+\.toml$/,
];

interface PackedFile {
  readonly mode: string;
  readonly owner: string;
  readonly name: string;
}

async function content(deb: string): Promise<PackedFile[]> {
  const { stdout } = await run("dpkg-deb", ["--contents", deb]);
  return stdout.trimEnd().split("\n").map((line) => {
    const [mode = "", owner = "", , , , ...name] = line.split(/ +/);
    return { mode, owner, name: name.join(" ").slice(1) };
  });
}

skippable("package: every file in its place, owned by root, changed by root only", async () => {
  const files = await content(await builtPackage());
  const names = new Set(files.map(({ name }) => name));
  assert.deepEqual(EXPECTED.filter((name) => !names.has(name)), [], "missing");
  const further = files.filter(({ name }) => !name.endsWith("/") && !EXPECTED.includes(name));
  const strangers = further.filter(({ name }) => !FURTHER.some((place) => place.test(name)));
  assert.deepEqual(strangers.map(({ name }) => name), []);
  for (const { mode, owner, name } of files) {
    assert.equal(owner, "root/root", name);
    if (!mode.startsWith("l")) assert.match(mode, /^[d-]rw[x-]r-[x-]r-[x-]$/, name);
  }
});

skippable("package: version, libraries that are opened at run time, conffiles", async () => {
  const deb = await builtPackage();
  const field = async (name: string) => (await run("dpkg-deb", ["-f", deb, name])).stdout.trim();
  assert.equal(await field("Version"), VERSION, "packaging/debian/changelog and deno.json");
  const depends = (await field("Depends")).split(", ").map((one) => one.split(" ")[0]);
  for (const name of ["libc6", "liburing2", "libibverbs1", "librdmacm1"]) {
    assert.ok(depends.includes(name), `Depends has no ${name}: ${depends.join(", ")}`);
  }
  assert.ok((await field("Recommends")).includes("ibverbs-providers"));
  const { stdout } = await run("dpkg-deb", ["--info", deb, "conffiles"]);
  const conffiles = ["/etc/modprobe.d/rnbd-appliance.conf", "/etc/rnbd-appliance/rnbd.toml"];
  assert.deepEqual(stdout.trim().split("\n"), conffiles);
});

skippable("package: its config is right, and serves and maps nothing", async () => {
  await using folder = await temporaryDirectory();
  await run("dpkg-deb", ["--extract", await builtPackage(), folder.path]);
  const program = `${folder.path}/usr/bin/rnbd-appliance`;
  const config = `${folder.path}/etc/rnbd-appliance/rnbd.toml`;
  const { stdout, stderr } = await run(program, ["check", "--config", config]);
  assert.equal(stdout, `${config}: ok\n`);
  assert.equal(stderr, "", "warnings");
  const declared = (await Deno.readTextFile(config)).match(/^\[.*$/gm);
  assert.deepEqual(declared, ["[node]", "[control]"]);
});

skippable("package: the examples in its config are right", async () => {
  await using folder = await temporaryDirectory();
  const text = await Deno.readTextFile(`${repositoryRoot}packaging/debian/rnbd.toml`);
  const body = text.slice(text.indexOf("[node]"));
  // A line of TOML loses its mark; sentences and the line for fstab stay comments.
  const shown = body.replaceAll(/^# (?=\[|[a-z_]+ = )/gm, "");
  assert.notEqual(shown, body);
  assert.equal(shown.match(/^\[\[?/gm)?.length, 6);
  await Deno.writeTextFile(`${folder.path}/rnbd.toml`, shown);
  const program = await builtExecutable();
  await run(program, ["check", "--config", `${folder.path}/rnbd.toml`]);
});

/** Findings of lintian, overridden ones left out. */
async function lintian(deb: string): Promise<string[]> {
  // It refuses to run as root, for those who did not mean to.
  const args = ["--allow-root", "--display-info", "--pedantic", deb];
  const { stdout } = await tryRun("lintian", args, { timeoutMs: LINTIAN_TIMEOUT_MS });
  return stdout.split("\n").filter((line) => /^[A-Z]: /.test(line) && !line.startsWith("N:"));
}

skippable("package: lintian finds nothing, not even pedantically", async () => {
  requireCommand("lintian", "lintian");
  const deb = await builtPackage();
  assert.deepEqual(await lintian(deb), []);
});

skippable("package: lintian notices a fault", async () => {
  requireCommand("lintian", "lintian");
  await using folder = await temporaryDirectory();
  const tree = `${folder.path}/tree`;
  await Deno.mkdir(`${tree}/DEBIAN`, { recursive: true });
  await Deno.mkdir(`${tree}/usr/local/bin`, { recursive: true });
  const control = "Package: planted\nVersion: 1\nArchitecture: all\nMaintainer: nobody\n" +
    "Description: planted\n";
  await Deno.writeTextFile(`${tree}/DEBIAN/control`, control);
  await Deno.writeTextFile(`${tree}/usr/local/bin/planted`, "#!/bin/sh\n", { mode: 0o777 });
  await run("dpkg-deb", ["--build", tree, `${folder.path}/planted.deb`]);
  const found = (await lintian(`${folder.path}/planted.deb`)).join("\n");
  assert.match(found, /^E: planted: .*usr\/local/m);
});

skippable("package: the same tree gives the same bytes, whenever and wherever", async () => {
  const first = await builtPackage();
  await using folder = await temporaryDirectory("rnbd another place ");
  // Files that the build makes have other modes, if it lets them.
  const before = Deno.umask(0o077);
  try {
    const second = await buildPackage(await builtExecutable(), folder.path);
    assert.equal(await sha256File(second), await sha256File(first));
  } finally {
    Deno.umask(before);
  }
});

skippable("package: a changelog of another version is refused", async () => {
  requireCommand("dpkg-parsechangelog", "dpkg-dev");
  requireCommand("dh", "debhelper");
  await using folder = await temporaryDirectory();
  await run("cp", ["-r", `${repositoryRoot}packaging`, `${folder.path}/packaging`]);
  await Deno.writeTextFile(`${folder.path}/deno.json`, '{\n  "version": "9.9.9",\n}\n');
  const args = ["--executable", "/bin/true"];
  const result = await tryRun(`${folder.path}/packaging/build_deb.sh`, args);
  assert.equal(result.code, 1);
  assert.match(result.stderr, /deno\.json of 9\.9\.9: add an entry/);
});

skippable(
  "package: every npm package of the program has its licence in the copyright file",
  async () => {
    await using folder = await temporaryDirectory();
    await run("dpkg-deb", ["--extract", await builtPackage(), folder.path]);
    const documents = `${folder.path}/usr/share/doc/rnbd-appliance`;
    const sbom = JSON.parse(await Deno.readTextFile(`${documents}/rnbd-appliance.cdx.json`));
    const purls = JSON.stringify(sbom).match(/(?<=pkg:npm\/)[^@"]+/g) ?? [];
    // The runtime comes in a package for each processor.
    const names = [...new Set(purls)].filter((name) => !name.startsWith("%40deno/"));
    assert.ok(names.includes("smol-toml"), names.join(", "));
    const copyright = await Deno.readTextFile(`${documents}/copyright`);
    for (const name of names) assert.ok(copyright.toLowerCase().includes(name), name);
  },
);
