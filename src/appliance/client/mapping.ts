/** A mapping: a device of a session, and the exposure that makes it available here. */
import { errnoName, SystemError } from "../../ffi/errno.ts";
import type { ClientDevice } from "../../rnbd/client/device.ts";
import type { ClientSession } from "../../rtrs/client/session.ts";
import { ApplianceError, type MappingStatus } from "../appliance_api.ts";
import type { MappingConfig, NodeConfig } from "../config/config.ts";
import type { Exposure } from "./exposure.ts";
import { log } from "../log.ts";
import type { IoAccount } from "../metrics/io_ledger.ts";
import { NbdExposure } from "./nbd_exposure.ts";
import type { ActualMapping } from "../reconcile/actual.ts";
import type { Origin } from "../reconcile/desired.ts";
import type { Runtime } from "../runtime.ts";
import { UblkExposure } from "./ublk_exposure.ts";

/** What happened to a mapping's first try. */
export type FirstTry =
  | { readonly isOpen: true }
  | { readonly isOpen: false; readonly reason: string; readonly errno: string };

/** Why the exposure failed. */
interface ExposeFailure {
  readonly reason: string;
  readonly errno: string;
}

function explain(error: unknown): ExposeFailure {
  const reason = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return { reason, errno: cause instanceof SystemError ? errnoName(cause.errno) : "EINVAL" };
}

/** See the head of this file. */
export class Mapping {
  /** Settles when the first OPEN succeeded or failed. */
  readonly firstTry: Promise<FirstTry>;
  /** Who waits for the end of the try that comes next or is under way. */
  private readonly waiting: ((result: FirstTry) => void)[] = [];
  private readonly exposure: Exposure;
  /** Ends when the exposure is as it should be: the device may close and open again meanwhile. */
  private exposing: Promise<void> = Promise.resolve();
  /** Attempts to expose it that have not ended. */
  private exposures = 0;
  /** Called when it may be in another state than before. */
  onChange: () => void = () => {};
  private isHidden = false;
  /** A try has ended, well or not. */
  hasBeenTried = false;
  private exposeFailure: ExposeFailure | undefined;
  private readonly io: IoAccount;

  constructor(
    private readonly runtime: Runtime,
    node: NodeConfig,
    public config: MappingConfig,
    public origin: Origin,
    session: ClientSession,
    readonly device: ClientDevice,
  ) {
    this.io = runtime.mappingIo.open(config.name);
    runtime.reactors.forEach(({ lanes }, i) =>
      lanes.measureDevice(device.handle, this.io.rows[i]!)
    );
    this.firstTry = this.nextTry();
    const wantsUblk = config.expose === "ublk" ||
      (config.expose === "auto" && runtime.ublk.isAvailable);
    this.exposure = wantsUblk
      ? new UblkExposure(runtime, node, config, session, device)
      : new NbdExposure(runtime, node, config, session.handle, device);
  }

  /** How the try to open it ends that is under way or comes next. */
  nextTry(): Promise<FirstTry> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private settle(result: FirstTry): void {
    this.hasBeenTried = true;
    for (const resolve of this.waiting.splice(0)) resolve(result);
  }

  /** Who uses it here, in words that follow "is in use: "; empty when nobody does. */
  users(): Promise<readonly string[]> {
    return this.exposure.users();
  }

  /** Those users who can wait for the next start of the program. */
  async waitingUsers(): Promise<readonly string[]> {
    await this.exposing;
    return this.exposure.outlivesProgram ? await this.exposure.users() : [];
  }

  /** The device is open: it is exposed, once. */
  onOpen(): void {
    log.info("mapping open", { name: this.config.name, sessname: this.config.sessname });
    this.exposeAgain();
  }

  /** Exposes it, or tells its exposure that it is open again. */
  exposeAgain(): void {
    this.exposures++;
    this.exposing = this.exposing.then(() => this.expose());
    this.exposing.then(() => {
      this.exposures--;
      const failure = this.exposeFailure;
      this.settle(failure === undefined ? { isOpen: true } : { isOpen: false, ...failure });
      this.onChange();
    });
  }

  private async expose(): Promise<void> {
    if (this.isHidden) return;
    this.exposeFailure = undefined;
    try {
      // What was in the way of the last try may be gone.
      if (this.exposure.path === undefined) await this.exposure.open();
      else await this.exposure.reopened();
    } catch (error) {
      this.exposeFailure = explain(error);
      const { reason } = this.exposeFailure;
      log.error("cannot expose mapping", { name: this.config.name, reason });
    }
  }

  /** The device could not be opened. */
  onFailed(errno: number, reason: string): void {
    const next = this.device.nextTryAt === undefined
      ? { next_try: "when something changes, or is told to: apply or remap" }
      : {};
    log.warn("mapping failed", { name: this.config.name, reason, ...next });
    this.settle({ isOpen: false, reason, errno: errnoName(errno) });
    this.onChange();
  }

  /** The server's device has another size; {@link resized} makes users see it. */
  onResized(): void {
    const size_bytes = this.device.geometry!.sizeBytes;
    log.info("mapping has another size", { name: this.config.name, size_bytes });
  }

  /**
   * Makes the exposure take over the device's size. NBD clients learn it when they connect.
   * @throws ApplianceError when it cannot
   */
  async resized(): Promise<void> {
    const resized = this.exposing.then(() => this.exposure.resized());
    this.exposing = resized.catch(() => {});
    try {
      await resized;
    } catch (error) {
      const { reason, errno } = explain(error);
      throw new ApplianceError(`Cannot resize ${this.config.name}: ${reason}`, errno, 1);
    }
  }

  /** The session was lost. */
  onClosed(reason: string): void {
    log.warn("mapping closed", { name: this.config.name, reason });
    this.onChange();
  }

  /** A reactor let go of an NBD connection. */
  onNbdClosed(ticket: number): void {
    if (this.exposure instanceof NbdExposure) this.exposure.connectionClosed(ticket);
  }

  /**
   * Stops exposing: no new users. Those of a block device get errors from now on; NBD clients
   * stay until the device is removed.
   */
  async hide(): Promise<void> {
    this.isHidden = true;
    this.settle({ isOpen: false, reason: "it was unmapped", errno: "ECANCELED" });
    await this.exposing;
    try {
      await this.exposure.close();
    } catch (error) {
      const { reason } = explain(error);
      log.error("cannot take the exposure away", { name: this.config.name, reason });
    }
  }

  /** The device is gone from the reactors: what it did stays counted under its name. */
  removed(): void {
    this.runtime.mappingIo.release(this.io);
  }

  private lastErrno(): string | null {
    const { lastFailure } = this.device;
    if (this.exposeFailure !== undefined) return this.exposeFailure.errno;
    return lastFailure === undefined ? null : errnoName(lastFailure.errno);
  }

  private get isOpen(): boolean {
    return this.device.state === "open" && this.exposure.path !== undefined;
  }

  private nextTryMs(): number | null {
    const { nextTryAt } = this.device;
    if (this.isOpen || nextTryAt === undefined) return null;
    return Math.max(0, Math.round(nextTryAt - this.runtime.clock.now()));
  }

  /** What it is, for the reconciler. @param isConnecting its session is being connected */
  actual(isConnecting: boolean): ActualMapping {
    const { config, origin, device, exposure } = this;
    const failed = this.exposeFailure ?? device.lastFailure;
    // What never failed has its first try before it.
    const isTrying = isConnecting || this.exposures > 0 || device.isOpening || failed === undefined;
    return {
      config,
      origin,
      exposedAs: exposure.kind,
      state: this.isOpen ? "open" : isTrying ? "opening" : "closed",
      failure: this.isOpen || failed === undefined ? undefined : {
        reason: failed.reason,
        // What is in the way of an exposure may go without anybody telling.
        isTerminal: device.state !== "open" && device.nextTryAt === undefined,
        nextTryMs: this.nextTryMs(),
      },
    };
  }

  /** Takes over what can be changed while it is in use. */
  change(config: MappingConfig, origin: Origin): void {
    this.config = config;
    this.origin = origin;
  }

  /** Number of its ublk device; undefined: it has none. */
  get ublkId(): number | undefined {
    return this.exposure instanceof UblkExposure ? this.exposure.id : undefined;
  }

  status(): MappingStatus {
    const { config, device, exposure, isOpen } = this;
    return {
      name: config.name,
      sessname: config.sessname,
      device_path: config.devicePath,
      access_mode: config.accessMode,
      origin: this.origin,
      state: isOpen ? "open" : "closed",
      expose: exposure.kind,
      device: exposure.path ?? null,
      size_bytes: device.geometry?.sizeBytes ?? 0,
      logical_block_size: device.geometry?.logicalBlockBytes ?? 0,
      last_error: isOpen ? null : this.exposeFailure?.reason ?? device.lastFailure?.reason ?? null,
      last_errno: isOpen ? null : this.lastErrno(),
      io: this.io.totals(),
      next_try_ms: this.nextTryMs(),
    };
  }
}
