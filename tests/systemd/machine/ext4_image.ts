/** A file system in a file of the host, made and judged without mounting it. */
import { run, tryRun } from "../../support/process.ts";
import { writeSparseFile } from "../../support/temporary.ts";

/** What the superblock says, before anybody repairs or replays anything. */
export interface FileSystemState {
  /** The journal has not been emptied: nobody unmounted it. */
  readonly needsRecovery: boolean;
  /** Such as `clean`. */
  readonly state: string;
  /** What a full check that changes nothing finds; empty when all is right. */
  readonly problems: string;
}

/** Makes a file with an empty ext4. */
export async function makeExt4(path: string, sizeBytes: number, label: string): Promise<void> {
  await writeSparseFile(path, sizeBytes);
  await run("mke2fs", ["-q", "-t", "ext4", "-L", label, path]);
}

/** Looks at the file system in a file; changes nothing. */
export async function readExt4(path: string): Promise<FileSystemState> {
  const { stdout } = await run("dumpe2fs", ["-h", path]);
  const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, "m").exec(stdout)?.[1] ?? "";
  const check = await tryRun("e2fsck", ["-f", "-n", path]);
  return {
    needsRecovery: field("Filesystem features").split(" ").includes("needs_recovery"),
    state: field("Filesystem state"),
    problems: check.code === 0 ? "" : check.stdout + check.stderr,
  };
}

/** Replays the journal as the next mount would. @throws when more than that is wrong */
export async function replayJournal(path: string): Promise<void> {
  await run("e2fsck", ["-E", "journal_only", "-p", path]);
  await run("e2fsck", ["-f", "-n", path]);
}

/** Reads a file of the file system; without one, nothing. */
export async function readExt4File(path: string, file: string): Promise<Uint8Array> {
  const target = await Deno.makeTempFile({ prefix: "rnbd-ext4-" });
  try {
    await run("debugfs", ["-R", `dump ${file} ${target}`, path]);
    return await Deno.readFile(target);
  } finally {
    await Deno.remove(target);
  }
}
