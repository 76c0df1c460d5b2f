/** Runs one case and judges it. */
import { SkipTest } from "../../support/skip.ts";
import { CASE_TIMEOUT_MS, type CaseContext, type GuestCase } from "./case.ts";
import { type AllowedLine, findAlarms, kernelLogSince, markKernelLog } from "./kernel_log.ts";
import { leftDevices } from "./leftovers.ts";
import type { MapOptions, MappedDevice } from "./peers.ts";
import type { PeerPool } from "./peer_pool.ts";
import type { EndRecord, GuestJob } from "./records.ts";

/** What one case took and has to give back. */
class Context implements CaseContext {
  readonly notes: string[] = [];
  readonly allowed: AllowedLine[] = [];
  readonly stack = new AsyncDisposableStack();
  readonly combination;
  readonly full: boolean;

  constructor(
    job: GuestJob,
    private readonly pool: PeerPool,
    readonly sessname: string,
  ) {
    this.combination = job.combination;
    this.full = job.full;
  }

  private hasServer = false;

  // A case that says nothing gets the usual server at first, and then the one it has.
  server: CaseContext["server"] = async (options) => {
    if (options === undefined && this.hasServer) return this.pool.currentServer;
    this.hasServer = true;
    return await this.pool.server(options);
  };
  client: CaseContext["client"] = async (options) => {
    if (this.hasServer) return await this.pool.client(options);
    this.hasServer = true;
    return await this.pool.usual(options);
  };
  breakServer = (): Promise<void> => this.pool.breakServer();
  restoreServer = (): Promise<void> => this.pool.restoreServer();
  breakClient = (): Promise<void> => this.pool.breakClient();
  stopClient = (): Promise<void> => this.pool.stopClient();
  stopPeers = (): Promise<void> => this.pool.stop();
  note = (text: string): void => void this.notes.push(text);
  allow = (line: AllowedLine): void => void this.allowed.push(line);
  use = <T extends AsyncDisposable>(resource: T): T => this.stack.use(resource);

  async map(devicePath: string, options: Partial<MapOptions> = {}): Promise<MappedDevice> {
    const client = await this.client();
    return await client.map({ sessname: this.sessname, devicePath, ...options });
  }
}

const describe = (error: unknown): string =>
  error instanceof Error ? error.stack ?? error.message : String(error);

let sessions = 0;

/** Runs it; what it leaves behind, and alarms in the kernel's log, make it fail. */
export async function runCase(
  guestCase: GuestCase,
  job: GuestJob,
  pool: PeerPool,
): Promise<EndRecord> {
  const mark = await markKernelLog();
  const context = new Context(job, pool, `session-${++sessions}`);
  const started = performance.now();
  const problems: string[] = [];
  let skipped = "";
  let isSpoiled = false;
  try {
    await guestCase.run(context);
  } catch (error) {
    if (error instanceof SkipTest) skipped = error.message;
    else problems.push(describe(error), ...pool.logs());
  }
  // After a failure nobody knows what is still mapped.
  const left = problems.length === 0 ? leftDevices() : [];
  if (left.length > 0) problems.push(`left behind: ${left.join(", ")}`);
  try {
    if (problems.length > 0) await pool.stop();
    await context.stack.disposeAsync();
    const stuck = leftDevices();
    if (stuck.length > 0) throw new Error(`still there: ${stuck.join(", ")}`);
  } catch (error) {
    problems.push(`clearing up: ${describe(error)}`);
    isSpoiled = true;
  }
  const durationMs = performance.now() - started;
  const kernelLog = await kernelLogSince(mark);
  const alarms = findAlarms(kernelLog, context.allowed);
  if (alarms.length > 0) {
    problems.push(`the kernel's log:\n${alarms.join("\n")}`);
    isSpoiled = true;
  }
  const result = problems.length > 0 ? "failed" : skipped !== "" ? "skipped" : "passed";
  const detail = result === "skipped" ? skipped : problems.join("\n");
  const { name } = guestCase;
  const { notes } = context;
  return { kind: "end", name, result, durationMs, detail, notes, kernelLog, isSpoiled };
}

/** How long a case may take. */
export const caseTimeoutMs = (guestCase: GuestCase): number =>
  guestCase.timeoutMs ?? CASE_TIMEOUT_MS;
