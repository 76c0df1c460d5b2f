/** What a newcomer does first, done in a root folder: the demo, and a config with both roles. */
import assert from "node:assert/strict";
import { run, waitFor } from "../../support/process.ts";
import { requireCommand } from "../../support/skip.ts";
import { sha256File, writeRandomFile } from "../../support/temporary.ts";
import type { DebianRoot } from "./debian_root.ts";

const JOB_TIMEOUT_MS = 2 * 60_000;
const DISK_BYTES = 8 * 2 ** 20;

/** Serves a file and maps it, both in one process. */
const CONFIG = `
[node]
name = "clean"
runtime_dir = "/srv/job/run"

[server]
listen = ["tcp:127.0.0.1"]
dev_search_path = "/srv/job/disks"

[[session]]
sessname = "self"
paths = ["tcp:127.0.0.1"]

[[mapping]]
name = "disk"
sessname = "self"
device_path = "disk.img"
expose = "nbd"
`;

/** Runs until \`done\` appears, then stops in order; fails when the program does. */
const SERVE = `set -e
cd /srv/job
rnbd-appliance --config rnbd.toml >log 2>&1 &
pid=$!
rnbd-appliance status --config rnbd.toml --wait >status || { kill $pid; cat log >&2; exit 1; }
touch ready
until [ -e done ]; do sleep 0.1; done
kill $pid
wait $pid`;

/** Neither of them is there: what runs is only the program. @throws AssertionError */
export async function assertNoRuntimes({ tryRun }: DebianRoot): Promise<void> {
  const { stdout } = await tryRun("sh", ["-c", "command -v deno node npm npx"]);
  assert.equal(stdout, "", "the root folder has a runtime of its own");
}

/** \`rnbd-appliance demo\`, to its end. @returns what it printed */
export async function runDemo(root: DebianRoot): Promise<string> {
  const { stdout } = await root.run("rnbd-appliance", ["demo"], { timeoutMs: JOB_TIMEOUT_MS });
  return stdout;
}

/**
 * Starts the program with a config file that serves a disk and maps it, and reads the disk through
 * its NBD socket, from outside of the root folder.
 * @throws AssertionError when the content differs
 */
export async function runConfigJob(root: DebianRoot): Promise<void> {
  requireCommand("nbdcopy", "libnbd-bin");
  const job = `${root.path}/srv/job`;
  const disk = `${job}/disks/disk.img`;
  await Deno.mkdir(`${job}/disks`, { recursive: true });
  await Deno.writeTextFile(`${job}/rnbd.toml`, CONFIG);
  await writeRandomFile(disk, DISK_BYTES);
  let failure: unknown;
  const serving = root.run("sh", ["-c", SERVE], { timeoutMs: JOB_TIMEOUT_MS })
    .catch((error) => failure = error);
  try {
    const isThere = (path: string) => Deno.stat(path).then(() => true, () => false);
    const hasDecided = async () => failure !== undefined || await isThere(`${job}/ready`);
    await waitFor(hasDecided, JOB_TIMEOUT_MS, "the mapping to be open");
    if (failure !== undefined) throw failure;
    const uri = `nbd+unix:///disk?socket=${job}/run/nbd/disk.sock`;
    await run("nbdcopy", [uri, `${job}/copy`], { timeoutMs: JOB_TIMEOUT_MS });
    assert.equal(await sha256File(`${job}/copy`), await sha256File(disk));
  } finally {
    await Deno.writeTextFile(`${job}/done`, "");
    await serving;
  }
  if (failure !== undefined) throw failure;
  await Deno.remove(job, { recursive: true });
}
