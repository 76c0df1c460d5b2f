/** What a case is and what it gets to work with. */
import type { AllowedLine } from "./kernel_log.ts";
import type {
  BlockClient,
  BlockServer,
  ClientOptions,
  Combination,
  MapOptions,
  MappedDevice,
  ServerOptions,
} from "./peers.ts";

/** One test that runs in the guest, for each combination that it applies to. */
export interface GuestCase {
  readonly name: string;
  /** The guest is given up after this; default {@link CASE_TIMEOUT_MS}. */
  readonly timeoutMs?: number;
  /** Default: all. */
  readonly appliesTo?: (combination: Combination) => boolean;
  /** Runs only with `RNBD_TEST_FULL=1`: it takes minutes, or tells little of this combination. */
  readonly isLong?: (combination: Combination) => boolean;
  run(context: CaseContext): Promise<void>;
}

/** Of one case without a time of its own. */
export const CASE_TIMEOUT_MS = 120_000;

/** The case's view of the guest. Everything it takes from here is undone after it. */
export interface CaseContext {
  readonly combination: Combination;
  /** Every block size and long rounds, instead of a choice. */
  readonly full: boolean;
  /** A session name that no other case uses. */
  readonly sessname: string;
  /**
   * The server with these options, started when there is none like it; without options the one that
   * the case has already, or the usual one.
   */
  server(options?: ServerOptions): Promise<BlockServer>;
  /** The client, started when there is none; starts the usual server when there is none. */
  client(options?: ClientOptions): Promise<BlockClient>;
  /** Maps a device of the server below /dev; `sessname` defaults to the case's own. */
  map(devicePath: string, options?: Partial<MapOptions>): Promise<MappedDevice>;
  /** The server goes while the client is there: ours is killed, the kernel's is unloaded. */
  breakServer(): Promise<void>;
  /** The same server again. */
  restoreServer(): Promise<void>;
  /** Ours only: kills the client. */
  breakClient(): Promise<void>;
  /** Stops the client in order; what it left is for the case to judge. */
  stopClient(): Promise<void>;
  /** Stops client and server, so that the next use starts them anew. */
  stopPeers(): Promise<void>;
  /** Keeps a line for the report. */
  note(text: string): void;
  /** Undone after the case, last first. */
  use<T extends AsyncDisposable>(resource: T): T;
  /** Does not hold lines of the kernel's log against the case. */
  allow(line: AllowedLine): void;
}
