/** One machine under systemd: a QEMU process on an overlay of the image, and its agent. */
import { run, sleep } from "../../support/process.ts";
import { type ClockMode, KERNEL_PARAMETERS } from "../../vm/machine/qemu.ts";
import { AGENT_PORT, SHARED_TAG, WRITER_PORTS } from "./root_files.ts";
import type { SystemImage } from "./system_image.ts";

/** What {@link SystemGuest.boot} takes. */
export interface GuestOptions {
  readonly image: SystemImage;
  /** From {@link makeOverlay}; what the guest writes stays there. */
  readonly overlay: string;
  /** Shared with the guest, and the place of its console and of what the agent says. */
  readonly folder: string;
  /** Tells this boot's files from those of other boots in the same folder. */
  readonly name: string;
  readonly clock?: ClockMode;
}

/** What a script in the guest left. */
export interface ScriptResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const CPUS = 2;
const MEMORY_MIB = 1536;
const UP_TIMEOUT_MS = { fast: 180_000, icount: 900_000 } as const;
const SCRIPT_TIMEOUT_MS = 120_000;
const POLL_MS = 50;

/** Makes a disk for a guest: the image, and what is written over it. */
export async function makeOverlay(image: SystemImage, file: string): Promise<void> {
  await run("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", image.disk, file]);
}

const files = ({ folder, name }: GuestOptions) => ({
  console: `${folder}/${name}.console`,
  agent: `${folder}/${name}.agent`,
  acknowledged: WRITER_PORTS.map((_, index) => `${folder}/${name}.writer${index}`),
});

function qemuArguments(options: GuestOptions): string[] {
  const { image, overlay, folder } = options;
  const paths = files(options);
  const clock = (options.clock ?? "fast") === "fast"
    ? ["-accel", "tcg,thread=multi"]
    : ["-accel", "tcg,thread=single", "-icount", "shift=0,sleep=on"];
  const writers = WRITER_PORTS.flatMap((name, index) => [
    ...["-chardev", `file,id=writer${index},path=${paths.acknowledged[index]}`],
    ...["-device", `virtserialport,chardev=writer${index},name=${name}`],
  ]);
  return [
    ...clock,
    // Few devices and features: each has a module that would be loaded at boot.
    ...["-nodefaults", "-no-user-config", "-vga", "none", "-cpu", "Nehalem"],
    ...["-smp", String(CPUS), "-m", `${MEMORY_MIB}M`],
    // The end of a boot is the end of the process: then the disks can be looked at.
    ...["-display", "none", "-monitor", "none", "-no-reboot"],
    ...["-nic", "user,model=virtio-net-pci", "-device", "virtio-rng-pci"],
    ...["-drive", `file=${overlay},if=virtio,format=qcow2,cache=writeback`],
    ...["-serial", `file:${paths.console}`],
    ...["-device", "virtio-serial-pci", "-chardev", `socket,id=agent,path=${paths.agent}`],
    ...["-device", `virtserialport,chardev=agent,name=${AGENT_PORT}`],
    ...writers,
    ...["-virtfs", `local,path=${folder},mount_tag=${SHARED_TAG},security_model=none`],
    ...["-kernel", image.machine.kernel, "-initrd", image.initramfs],
    ...["-append", [...KERNEL_PARAMETERS, "systemd.show_status=yes"].join(" ")],
  ];
}

/** See the head of this file; `await using` ends it the hard way. */
export class SystemGuest implements AsyncDisposable {
  private exited = false;
  private readonly ended: Promise<string>;
  private scripts = 0;
  private readonly lines: string[] = [];
  private reader: Promise<void> | undefined;
  private connection: Deno.UnixConn | undefined;
  private upSeconds = 0;

  private constructor(
    private readonly options: GuestOptions,
    private readonly child: Deno.ChildProcess,
  ) {
    this.ended = child.output().then(({ stderr }) => {
      this.exited = true;
      return new TextDecoder().decode(stderr).trim();
    });
  }

  /** Boots and waits until the agent is up. @throws with the end of the console if it is not */
  static async boot(options: GuestOptions): Promise<SystemGuest> {
    const paths = files(options);
    await Deno.writeTextFile(paths.console, "");
    using listener = Deno.listen({ transport: "unix", path: paths.agent });
    // The guest goes when this process does, however it does.
    const leash = ["--pdeathsig", "KILL", "--", "qemu-system-x86_64"];
    const child = new Deno.Command("setpriv", {
      args: [...leash, ...qemuArguments(options)],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const guest = new SystemGuest(options, child);
    try {
      await guest.waitUntilUp(listener);
    } catch (error) {
      await guest.kill();
      throw error;
    }
    return guest;
  }

  private async waitUntilUp(listener: Deno.UnixListener): Promise<void> {
    const connection = await Promise.race([listener.accept(), this.ended]);
    if (typeof connection === "string") throw new Error(`QEMU ended: ${connection}`);
    this.connection = connection;
    this.reader = this.readLines(connection);
    const line = await this.nextLine(UP_TIMEOUT_MS[this.options.clock ?? "fast"], "to come up");
    this.upSeconds = Number(line.split(" ")[2]);
  }

  private async readLines(connection: Deno.UnixConn): Promise<void> {
    let rest = "";
    const decoder = new TextDecoder();
    try {
      for await (const bytes of connection.readable) {
        const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
        rest = lines.pop()!;
        this.lines.push(...lines);
      }
    } catch {
      // QEMU has ended, which those who wait for a line are told.
    }
  }

  private async nextLine(timeoutMs: number, what: string): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    while (this.lines.length === 0) {
      if (this.exited) throw new Error(`the guest ended before it had ${what}`);
      if (performance.now() > deadline) {
        throw new Error(`Waited ${timeoutMs} ms for the guest ${what}\n${await this.tail()}`);
      }
      await sleep(POLL_MS);
    }
    return this.lines.shift()!;
  }

  /** Guest's time since it began to boot, when its agent was up, in s. */
  get upAfterSeconds(): number {
    return this.upSeconds;
  }

  /** Whether the machine still runs. */
  get isRunning(): boolean {
    return !this.exited;
  }

  /** What it printed on its console. */
  async console(): Promise<string> {
    return (await Deno.readTextFile(files(this.options).console)).replaceAll("\r", "");
  }

  private async tail(): Promise<string> {
    return (await this.console()).trimEnd().split("\n").slice(-25).join("\n");
  }

  /** What one of the writers says that it has synced, one record a line. */
  acknowledged(writer: number): Promise<string> {
    return Deno.readTextFile(files(this.options).acknowledged[writer]!);
  }

  /** Runs a bash script as root. @throws when it takes longer than `timeoutMs` */
  async try(script: string, timeoutMs: number = SCRIPT_TIMEOUT_MS): Promise<ScriptResult> {
    const name = `${this.options.name}-${++this.scripts}`;
    const job = `${this.options.folder}/${name}`;
    await Deno.writeTextFile(`${job}.sh`, script);
    await this.send(`${name}\n`);
    const line = await this.nextLine(timeoutMs, `to end ${name}: ${script}`);
    const code = new RegExp(`^done ${name} (\\d+)$`).exec(line)?.[1];
    if (code === undefined) throw new Error(`The agent said ${JSON.stringify(line)}`);
    const [stdout, stderr] = await Promise.all(
      [`${job}.out`, `${job}.err`].map((file) => Deno.readTextFile(file)),
    );
    return { code: Number(code), stdout: stdout!, stderr: stderr! };
  }

  /** The same, but anything but exit code 0 throws; returns the standard output. */
  async sh(script: string, timeoutMs?: number): Promise<string> {
    const { code, stdout, stderr } = await this.try(script, timeoutMs);
    if (code === 0) return stdout;
    throw new Error(`exit code ${code} in the guest of\n${script}\n${stdout}\n${stderr}`);
  }

  /** Runs a script that ends the machine. Returns how long that took, in ms. @throws if it hangs */
  async end(script: string, timeoutMs: number): Promise<number> {
    const name = `${this.options.name}-end`;
    await Deno.writeTextFile(`${this.options.folder}/${name}.sh`, script);
    const started = performance.now();
    await this.send(`${name}\n`);
    while (!this.exited) {
      if (performance.now() - started > timeoutMs) {
        await this.kill();
        throw new Error(`The machine did not end in ${timeoutMs} ms\n${await this.tail()}`);
      }
      await sleep(POLL_MS);
    }
    const took = performance.now() - started;
    await this.kill();
    return took;
  }

  private async send(text: string): Promise<void> {
    if (this.connection === undefined || this.exited) throw new Error("The guest does not run");
    const writer = this.connection.writable.getWriter();
    try {
      await writer.write(new TextEncoder().encode(text));
    } finally {
      writer.releaseLock();
    }
  }

  /** Takes the power away. */
  async kill(): Promise<void> {
    if (!this.exited) this.child.kill("SIGKILL");
    await this.ended;
    await this.reader;
    this.connection = undefined;
    await Deno.remove(files(this.options).agent).catch(() => {});
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
