/** Boots one guest, runs one program in it, and reads what that program has to say. */
import { cpuMs, run, sleep } from "../../support/process.ts";
import { applianceOk } from "../../support/appliance.ts";
import { EXECUTABLE_VARIABLE, repositoryRoot } from "../../support/program.ts";
import { temporaryDirectory } from "../../support/temporary.ts";
import { GUEST_UP } from "./initramfs.ts";
import type { Machine } from "./provision.ts";
import { type BootFiles, type GuestShape, qemuArguments } from "./qemu.ts";
import { withSlot } from "./slots.ts";

/** What {@link bootGuest} takes. */
export interface BootOptions {
  readonly machine: Machine;
  readonly shape: GuestShape;
  /** Path of a TypeScript program; it runs as root and gets the path of its input as argument. */
  readonly program: string;
  /** Written as JSON for the program. */
  readonly input: unknown;
  /** Of the whole boot; it is killed then. */
  readonly timeoutMs: number;
  /** Called with each record as it comes: one JSON value a line on the records port. */
  readonly onRecord: (record: unknown) => void;
  /** Asked now and then; ends the guest when it gives a reason. */
  readonly giveUp?: () => string | undefined;
}

/** How a boot ended. */
export interface BootOutcome {
  /** The program ended with exit code 0. */
  readonly ok: boolean;
  /** Why it is not ok. */
  readonly reason: string;
  /** What the guest printed on its console. */
  readonly console: string;
  /** How long the guest took to come up, in ms. */
  readonly upMs: number;
}

/** By mode of the clock: one that counts instructions has one thread, and less of a busy machine. */
const UP_TIMEOUT_MS = { fast: 60_000, icount: 300_000 } as const;
/** Processor time; a boot takes a third of it. */
const UP_CPU_MS = 60_000;
const UP_TRIES = 5;
const POLL_MS = 100;

/** Modules that the guest cannot fetch by itself, or would take long to compile. */
async function cacheModules(program: string): Promise<void> {
  const entries = ["mod.ts", "src/appliance/reactor/reactor_worker.ts"];
  const ours = entries.map((entry) => `${repositoryRoot}${entry}`);
  await run(Deno.execPath(), ["cache", "--no-check", program, ...ours], { cwd: repositoryRoot });
  // A self-extracting executable would take a minute for that on an emulated processor.
  await applianceOk(["--version"]);
}

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;

async function denoFolder(): Promise<string> {
  const { stdout } = await run(Deno.execPath(), ["info", "--json"]);
  return (JSON.parse(stdout) as { denoDir: string }).denoDir;
}

/** What the guest has to know to run the same program as this machine's tests. */
function programUnderTest(): string[] {
  const executable = Deno.env.get(EXECUTABLE_VARIABLE);
  return executable === undefined ? [] : [`export ${EXECUTABLE_VARIABLE}=${quote(executable)}`];
}

async function writeJob(options: BootOptions, folder: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/input.json`, JSON.stringify(options.input));
  const args = ["run", "-A", "--no-check", "--cached-only", options.program];
  const command = [Deno.execPath(), ...args, `${folder}/input.json`].map(quote).join(" ");
  const home = Deno.env.get("HOME") ?? "/";
  const lines = [
    "mkdir -p /lib/modules",
    `mount --bind ${quote(options.machine.imageModules)} /lib/modules`,
    "modprobe configfs && mount -t configfs configfs /sys/kernel/config",
    `export HOME=${quote(home)} DENO_DIR=${quote(await denoFolder())}`,
    "export NO_COLOR=1 DENO_NO_UPDATE_CHECK=1",
    ...programUnderTest(),
    `cd ${quote(repositoryRoot)} || exit 1`,
    `exec ${command}`,
  ];
  await Deno.writeTextFile(`${folder}/start.sh`, lines.join("\n") + "\n");
}

/** Reads the records that were added to a file since the last time. */
class RecordReader {
  private position = 0;
  private rest = "";
  private readonly decoder = new TextDecoder();

  constructor(private readonly file: string, private readonly onRecord: (r: unknown) => void) {}

  async poll(): Promise<void> {
    using file = await Deno.open(this.file);
    await file.seek(this.position, Deno.SeekMode.Start);
    const chunk = new Uint8Array(65536);
    for (;;) {
      const count = await file.read(chunk);
      if (count === null) break;
      this.position += count;
      this.rest += this.decoder.decode(chunk.subarray(0, count), { stream: true });
    }
    const lines = this.rest.split("\n");
    this.rest = lines.pop()!;
    for (const line of lines) if (line !== "") this.onRecord(JSON.parse(line));
  }
}

const readConsole = async (file: string): Promise<string> =>
  (await Deno.readTextFile(file)).replaceAll("\r", "");

/** One try. Returns undefined when the guest was not up in time, which a new try may cure. */
async function tryBoot(options: BootOptions, files: BootFiles): Promise<BootOutcome | undefined> {
  for (const file of [files.console, files.records]) await Deno.writeTextFile(file, "");
  // The guest goes when this process does, however it does.
  const leash = ["--pdeathsig", "KILL", "--", "qemu-system-x86_64"];
  const child = new Deno.Command("setpriv", {
    args: [...leash, ...qemuArguments(options.machine, options.shape, files)],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let exited = false;
  const ended = child.output().then((output) => {
    exited = true;
    return new TextDecoder().decode(output.stderr);
  });
  const reader = new RecordReader(files.records, options.onRecord);
  const upTimeoutMs = UP_TIMEOUT_MS[options.shape.mode];
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  let upMs = 0;
  let reason = "";
  try {
    while (!exited && reason === "") {
      await sleep(POLL_MS);
      if (upMs === 0 && (await readConsole(files.console)).includes(GUEST_UP)) upMs = elapsed();
      const isLate = () => elapsed() > upTimeoutMs || cpuMs(child.pid) > UP_CPU_MS;
      if (upMs === 0 && !exited && isLate()) return undefined;
      await reader.poll();
      reason = options.giveUp?.() ?? "";
      if (elapsed() > options.timeoutMs) reason = `killed after ${options.timeoutMs} ms`;
    }
  } finally {
    if (!exited) child.kill("SIGKILL");
  }
  const complaints = await ended;
  await reader.poll();
  const output = await readConsole(files.console);
  const code = /^GUEST END rc=(\d+) /m.exec(output)?.[1];
  if (reason === "" && code === undefined) reason = `the guest died: ${complaints.trim()}`;
  if (reason === "" && code !== "0") reason = `the guest's program ended with code ${code}`;
  return { ok: reason === "", reason, console: output, upMs };
}

/**
 * Boots a guest, runs the program in it to its end and shuts it down.
 * @throws when the guest does not come up in several tries
 */
export async function bootGuest(options: BootOptions): Promise<BootOutcome> {
  await using folder = await temporaryDirectory("rnbd-vm-");
  await cacheModules(options.program);
  await writeJob(options, folder.path);
  const files: BootFiles = {
    job: folder.path,
    console: `${folder.path}/console`,
    records: `${folder.path}/records`,
  };
  return await withSlot(async () => {
    // QEMU 7.2 with icount sometimes hangs before the kernel is up.
    for (let attempt = 0; attempt < UP_TRIES; attempt++) {
      const outcome = await tryBoot(options, files);
      if (outcome !== undefined) return outcome;
    }
    const output = await readConsole(files.console);
    const upTimeoutMs = UP_TIMEOUT_MS[options.shape.mode];
    throw new Error(
      `The guest was not up in ${upTimeoutMs} ms or ${UP_CPU_MS} ms of processor time, ` +
        `${UP_TRIES} times\n${output}`,
    );
  });
}
