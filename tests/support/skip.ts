/**
 * Tests that need something the machine may lack: root, a program of another package, a device.
 *
 * Such a test is written with {@link skippable} instead of `Deno.test` and starts with one or more
 * `require…` calls. Where the need is not met it ends there, is listed as an ignored step that
 * carries the reason, and is noted in the file that `RNBD_TEST_SKIPS` names, from which
 * `tests/run.ts` counts and names it. It never passes silently.
 */

/** What a test missed and how to get it; one JSON line of the file in `RNBD_TEST_SKIPS`. */
export interface SkipRecord {
  /** Name of the test as given to {@link skippable}. */
  readonly test: string;
  /** URL of the file that the test is in. */
  readonly origin: string;
  readonly reason: string;
  /** Debian package to install or command to run; shown to the user. */
  readonly remedy: string;
}

/** Ends a test whose needs are not met; only {@link skippable} catches it. */
export class SkipTest extends Error {
  override readonly name = "SkipTest";
  /** @param reason what is missing, and @param remedy how to get it */
  constructor(readonly reason: string, readonly remedy: string) {
    super(`${reason} (${remedy})`);
  }
}

/**
 * Registers a test that may turn out to be impossible here. The `require…` calls belong at its
 * top, outside `t.step`, before anything is started.
 */
export function skippable(
  name: string,
  body: (t: Deno.TestContext) => void | Promise<void>,
): void {
  Deno.test(name, async (t) => {
    try {
      await body(t);
    } catch (error) {
      if (!(error instanceof SkipTest)) throw error;
      record({ test: name, origin: t.origin, reason: error.reason, remedy: error.remedy });
      await t.step({ name: `SKIPPED: ${error.message}`, ignore: true, fn: () => {} });
    }
  });
}

function record(skip: SkipRecord): void {
  const file = Deno.env.get("RNBD_TEST_SKIPS");
  if (file !== undefined) {
    Deno.writeTextFileSync(file, JSON.stringify(skip) + "\n", { append: true });
  }
}

/** Directories of programs; /usr/sbin is missing from an ordinary user's PATH. */
function searchPath(): string[] {
  return [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"].filter((d) => d !== "");
}

/** The full path of a program, or undefined where it is not installed. */
export function findCommand(name: string): string | undefined {
  for (const directory of searchPath()) {
    const path = `${directory}/${name}`;
    try {
      const info = Deno.statSync(path);
      if (info.isFile && ((info.mode ?? 0) & 0o111) !== 0) return path;
    } catch {
      // Not in this directory; the next one may have it.
    }
  }
  return undefined;
}

/**
 * The full path of a program that the test runs.
 * @param debianPackage the package that has it, for the message
 * @throws {SkipTest} when it is not installed
 */
export function requireCommand(name: string, debianPackage: string): string {
  const path = findCommand(name);
  if (path === undefined) {
    throw new SkipTest(`${name} is not installed`, `apt-get install ${debianPackage}`);
  }
  return path;
}

/** @throws {SkipTest} when the test does not run as root; `why` says what needs it */
export function requireRoot(why: string): void {
  if (Deno.uid() !== 0) throw new SkipTest(`${why} needs root`, "run the test command as root");
}

/** @throws {SkipTest} when `path` is not there; `why` says what it is for */
export function requireFile(path: string, why: string): void {
  try {
    Deno.statSync(path);
  } catch (error) {
    throw new SkipTest(`${path} is missing: ${why}`, error instanceof Error ? error.message : "");
  }
}
