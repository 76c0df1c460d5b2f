/** The unit of the package: understood by systemd, hardened, explained. */
import assert from "node:assert/strict";
import { run, tryRun } from "../support/process.ts";
import { repositoryRoot } from "../support/program.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { builtPackage } from "./support/built_package.ts";

const UNIT = `${repositoryRoot}packaging/systemd/rnbd-appliance.service`;
const DEPLOYMENT = `${repositoryRoot}docs/deployment.md`;

/** What systemd-analyze says of the unit, its programs being those of the package. */
async function verify(change: (text: string) => string) {
  requireCommand("systemd-analyze", "systemd");
  await using folder = await temporaryDirectory();
  await run("dpkg-deb", ["--extract", await builtPackage(), folder.path]);
  const programs = /(?<=[ +='])\/usr\/(bin|lib)\/rnbd-appliance/g;
  const text = (await Deno.readTextFile(UNIT)).replaceAll(programs, (path) => folder.path + path);
  const unit = `${folder.path}/rnbd-appliance.service`;
  await Deno.writeTextFile(unit, change(text));
  const { code, stderr } = await tryRun("systemd-analyze", ["verify", "--man=no", unit]);
  // Of other units of this machine it speaks as well.
  const lines = stderr.split("\n").filter((line) => line.includes("rnbd-appliance"));
  return { code, lines };
}

skippable("unit: systemd understands every line and finds every program", async () => {
  assert.deepEqual(await verify((text) => text), { code: 0, lines: [] });
});

skippable("unit: a line that systemd does not know would be noticed", async () => {
  const planted = await verify((text) => text.replace("KillMode=mixed", "KilMode=mixed"));
  assert.match(planted.lines.join("\n"), /Unknown key .*'KilMode'/);
  const missing = await verify((text) => text.replace("bin/rnbd-appliance", "bin/rnbd-applianse"));
  assert.match(missing.lines.join("\n"), /rnbd-applianse is not executable/);
});

skippable("unit: the exposure that the documentation tells", async () => {
  requireCommand("systemd-analyze", "systemd");
  const { stdout } = await run("systemd-analyze", ["security", "--offline=yes", UNIT]);
  const level = /Overall exposure level for rnbd-appliance.service: (\d+\.\d)/.exec(stdout)?.[1];
  const told = /^`systemd-analyze security`: (\d+\.\d)/m.exec(await Deno.readTextFile(DEPLOYMENT))
    ?.[1];
  assert.equal(level, told);
});

/** Settings that switch off what is not used; one line of the documentation is for all of them. */
const PLAIN_HARDENING =
  /^(ProtectKernel\w+|ProtectControlGroups|ProtectHostname|Restrict(Namespaces|Realtime|SUIDSGID)|LockPersonality|KeyringMode|NoNewPrivileges|SystemCall(Architectures|ErrorNumber))$/;

Deno.test("unit: the documentation explains every other line, and every capability", async () => {
  const unit = await Deno.readTextFile(UNIT);
  const keys = [...unit.matchAll(/^(\w+)=/gm)].map(([, key]) => key!)
    .filter((key) => !PLAIN_HARDENING.test(key))
    .filter((key) =>
      !["Description", "Documentation", "WantedBy", "CapabilityBoundingSet"].includes(key)
    );
  const capabilities = unit.match(/CAP_\w+/g) ?? [];
  assert.ok(keys.length > 30 && capabilities.length > 5);
  const explained = await Deno.readTextFile(DEPLOYMENT);
  const unexplained = [...keys, ...capabilities].filter((word) => !explained.includes(word));
  assert.deepEqual(unexplained, []);
});
