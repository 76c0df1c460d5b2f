/** What the executable is built of, as git knows it. */
import { runCommand } from "./command.ts";

/** See the head of this file. */
export interface Commit {
  /** The first twelve digits, with `-dirty` where the tree has changes; null without git. */
  readonly name: string | null;
  /** Seconds since 1970: when it was committed; the only time that comes into the files. */
  readonly timeS: number;
}

const DIGITS = 12;

/** Seconds since 1970 that the environment wants (reproducible-builds.org); undefined without. */
function wantedTimeS(): number | undefined {
  const text = Deno.env.get("SOURCE_DATE_EPOCH");
  if (text === undefined) return undefined;
  if (!/^\d{1,11}$/.test(text)) {
    throw new Error(`SOURCE_DATE_EPOCH=${text} is no number of seconds`);
  }
  return Number(text);
}

/** Asks git about the tree in `root`; a tree without git has no name, and the time 0. */
export async function readCommit(root: string): Promise<Commit> {
  // Whoever owns the tree: nothing of it is run.
  const git = (...args: string[]) =>
    runCommand("git", ["-c", `safe.directory=${root.replace(/\/$/, "")}`, "-C", root, ...args]);
  const wanted = wantedTimeS();
  let lines: string[];
  try {
    lines = (await git("show", "--no-patch", `--abbrev=${DIGITS}`, "--format=%h%n%ct", "HEAD"))
      .trim().split("\n");
  } catch {
    return { name: null, timeS: wanted ?? 0 };
  }
  const [hash, time] = lines;
  const isClean = (await git("status", "--porcelain")).trim() === "";
  return { name: isClean ? hash! : `${hash}-dirty`, timeS: wanted ?? Number(time) };
}
