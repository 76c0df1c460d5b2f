/** fio in the background, until it is stopped. */
import { type FioJob, parseFio } from "./fio.ts";
import { nbdUri } from "./appliance.ts";

/** Longer than any test. */
const RUNTIME_S = 600;

/** A device as fio opens it: an NBD socket, or what lies in the file system. */
const engineOf = (path: string): string[] =>
  path.endsWith(".sock")
    ? ["--ioengine=nbd", `--uri=${nbdUri(path)}`]
    // A device that is gone by now must not become a file of its name.
    : ["--ioengine=io_uring", `--filename=${path}`, "--direct=1", "--allow_file_create=0"];

/** A steady random load on a device; disposing it stops it. */
export class FioLoad implements AsyncDisposable {
  private readonly child: Deno.ChildProcess;
  private readonly output: Promise<Deno.CommandOutput>;
  private result: Promise<FioJob> | undefined;

  /**
   * @param fio path of the program
   * @param path NBD socket or block device
   */
  constructor(fio: string, path: string, rw: "randread" | "randrw" = "randrw") {
    this.child = new Deno.Command(fio, {
      args: [
        "--name=load",
        ...engineOf(path),
        `--rw=${rw}`,
        "--bs=4k",
        "--iodepth=4",
        "--rate_iops=400",
        "--time_based",
        `--runtime=${RUNTIME_S}`,
        "--output-format=json",
      ],
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.output = this.child.output();
  }

  get pid(): number {
    return this.child.pid;
  }

  /** Ends it. @returns what it did; `error` is the errno of its first failed request */
  stop(): Promise<FioJob> {
    this.result ??= this.end();
    return this.result;
  }

  private async end(): Promise<FioJob> {
    try {
      this.child.kill("SIGINT");
    } catch {
      // It has ended by itself, with an error that its output names.
    }
    const { stdout } = await this.output;
    return parseFio(new TextDecoder().decode(stdout))[0]!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop().catch(() => {});
  }
}
