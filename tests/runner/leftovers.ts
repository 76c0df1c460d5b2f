/** Finds and ends processes that a test left behind: they carry the test's mark in their environment. */

/** Name of the environment variable that marks everything a test file starts. */
export const MARK_VARIABLE = "RNBD_TEST_MARK";

/** A process that should be gone. */
export interface Leftover {
  readonly pid: number;
  readonly command: string;
}

/** Processes whose environment holds `mark`; processes of other users cannot be seen. */
export function findLeftovers(mark: string): Leftover[] {
  const found: Leftover[] = [];
  for (const entry of Deno.readDirSync("/proc")) {
    const pid = Number(entry.name);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    try {
      const environment = Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0");
      if (!environment.includes(`${MARK_VARIABLE}=${mark}`)) continue;
      const command = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").join(" ").trim();
      if (command !== "") found.push({ pid, command });
    } catch {
      // Gone already, or not ours to look at.
    }
  }
  return found;
}

/** Kills everything that carries `mark` and says what that was. */
export function killLeftovers(mark: string): Leftover[] {
  const found = findLeftovers(mark);
  for (const { pid } of found) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // Gone in the meantime.
    }
  }
  return found;
}
