/** A small self-extracting file and ways to start it, for the tests of its launcher. */
import {
  launcherScript,
  makeSelfExtracting,
} from "../../../packaging/executable/self_extracting.ts";
import { readElf } from "../../../packaging/executable/elf.ts";
import { requireCommand, requireRoot } from "../../support/skip.ts";

/** Shells that the launcher is for, by the words that start them. */
export const SHELLS: readonly (readonly string[])[] = [["dash"], ["bash"], ["busybox", "sh"]];

/** Users without rights, one against the other. */
export const VICTIM = 65534;
export const ATTACKER = 65533;

/** Stands in for Deno: prints what it was started with, one fact a line. */
const RUNTIME = `#!/bin/sh
[ "$1" != --version ] || exit 0
echo started
for word; do printf 'word <%s>\\n' "$word"; done
echo "pid $$"
env | sed 's/^/env /'
case " $* " in
*" umask "*) umask ;;
*" cat "*) cat ;;
*" fail "*) exit 42 ;;
*" wait "*) exec sleep 60 ;;
esac
`;

/** What ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** The program ran. */
  readonly started: boolean;
}

/** How to start something. */
export interface Start {
  readonly env?: Readonly<Record<string, string>>;
  readonly user?: number;
  readonly cwd?: string;
}

/** A folder with the file in it; `await using` removes it. */
export interface LauncherBench extends AsyncDisposable {
  /** Others can pass through, only root can write. */
  readonly path: string;
  readonly file: string;
  /** Name of the folder that it unpacks. */
  readonly id: string;
  /** Runs a command with nothing in the environment but a PATH and what is given. */
  run(command: readonly string[], start?: Start): Promise<Ended>;
  /** The same with a script for sh in its own mount namespace; $FILE, $ID and $DIR are set. */
  script(text: string, start?: Start): Promise<Ended>;
}

/** A part of the launcher, and what to put in its place. */
export type Plant = readonly [part: string, instead: string];

/** What is other than usual. */
export interface BenchOptions {
  readonly version?: string;
  readonly runtime?: string | Uint8Array;
  /** Changes the launcher, to see a test notice. */
  readonly plant?: readonly Plant[];
  readonly loader?: string;
  readonly machine?: string;
}

/** The launcher with faults. @throws Error when what is to be replaced is not there */
const planted = (plants: readonly Plant[]): string =>
  plants.reduce((script, [part, instead]) => {
    if (!script.includes(part)) throw new Error(`The launcher has no ${part}`);
    return script.replace(part, () => instead);
  }, launcherScript());

/** Makes a self-extracting file at `output`. @returns its id */
export async function makeFile(output: string, options: BenchOptions = {}): Promise<string> {
  const parts = `${output}.parts`;
  Deno.mkdirSync(`${parts}/program/chunks`, { recursive: true });
  const runtime = options.runtime ?? RUNTIME;
  const bytes = typeof runtime === "string" ? new TextEncoder().encode(runtime) : runtime;
  Deno.writeFileSync(`${parts}/runtime`, bytes);
  Deno.writeTextFileSync(`${parts}/program/mod.js`, "// program\n");
  Deno.writeTextFileSync(`${parts}/program/chunks/one.js`, "// chunk\n");
  const elf = readElf(Deno.readFileSync(Deno.execPath()));
  await makeSelfExtracting(
    {
      runtime: `${parts}/runtime`,
      program: `${parts}/program`,
      version: options.version ?? "1.0.0",
      commit: null,
      arguments: ["--allow-ffi", "--it's"],
    },
    output,
    {
      script: planted(options.plant ?? []),
      elf: { machine: options.machine ?? elf.machine, loader: options.loader ?? elf.loader },
    },
  );
  Deno.removeSync(parts, { recursive: true });
  const id = /^rnbd_id='(.*)'$/m.exec(new TextDecoder().decode(Deno.readFileSync(output)))?.[1];
  if (id === undefined) throw new Error("The file has no id");
  return id;
}

/** Nothing of this machine's cache is seen or touched; `as USER SCRIPT` runs a script as a user. */
const PRELUDE = `set -u
mount -t tmpfs -o mode=755 none /var/cache
mkdir "$DIR/tmp"; chmod 1777 "$DIR/tmp"
as() { setpriv --reuid="$1" --regid="$1" --clear-groups -- sh -c "$2"; }
`;

async function end(command: readonly string[], start: Start = {}): Promise<Ended> {
  const [program = "", ...args] = start.user === undefined ? command : [
    ...["setpriv", `--reuid=${start.user}`, `--regid=${start.user}`, "--clear-groups", "--"],
    ...command,
  ];
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args,
    clearEnv: true,
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...start.env },
    cwd: start.cwd ?? "/",
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(stdout);
  const started = /^started$/m.test(text);
  return { code, stdout: text, stderr: new TextDecoder().decode(stderr), started };
}

/** Makes a bench; its tests are for root, who can be everybody else. */
export async function launcherBench(options: BenchOptions = {}): Promise<LauncherBench> {
  requireRoot("being other users, and mounts of its own,");
  requireCommand("setpriv", "util-linux");
  const path = await Deno.makeTempDir({ prefix: "rnbd-launcher-" });
  await Deno.chmod(path, 0o755);
  const file = `${path}/rnbd-appliance`;
  const id = await makeFile(file, options);
  return {
    path,
    file,
    id,
    run: end,
    script: (text, start = {}) =>
      end(["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", PRELUDE + text], {
        ...start,
        env: { FILE: file, ID: id, DIR: path, TMPDIR: `${path}/tmp`, ...start.env },
      }),
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}
