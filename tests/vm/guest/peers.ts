/** The four combinations of client and server behind one pair of interfaces. */

/** Whose implementation plays a role. */
export type PeerKind = "kernel" | "ours";

/** Who talks to whom, over what. */
export interface Combination {
  readonly client: PeerKind;
  readonly server: PeerKind;
  /** `ip`: RDMA; `tcp`: the built-in carrier, ours only. */
  readonly carrier: "ip" | "tcp";
}

/** As in `ours client, kernel server`. */
export const combinationName = ({ client, server, carrier }: Combination): string =>
  `${client} client, ${server} server${carrier === "tcp" ? ", tcp" : ""}`;

/** How a server differs from the usual one, which exports everything below /dev. */
export interface ServerOptions {
  /** Rkeys are renewed for every request. Default: as the implementation has it. */
  readonly alwaysInvalidate?: boolean;
  readonly queueDepth?: number;
  /** Default `/dev`. */
  readonly searchPath?: string;
  /** Ours only: an export that lives in the server's memory. */
  readonly memoryExport?: { readonly devicePath: string; readonly sizeBytes: number };
  /** Ours only. */
  readonly ioMode?: "fileio" | "blockio";
  /** Ours only. Default 1234, which the kernel's server always takes. */
  readonly port?: number;
  /** Ours only: threads that carry I/O. */
  readonly reactors?: number;
  /** Ours only: how long those poll before they sleep, microseconds. */
  readonly spinUs?: number;
  /** Ours only: of V8, separated by commas. */
  readonly v8Flags?: string;
}

/** How a client differs from the usual one. */
export interface ClientOptions {
  /** Ours only: threads that carry I/O. */
  readonly reactors?: number;
  /** Ours only: how long those poll before they sleep, microseconds. */
  readonly spinUs?: number;
  /** Ours only: of V8, separated by commas. */
  readonly v8Flags?: string;
}

/** What a client is asked to map. */
export interface MapOptions {
  readonly sessname: string;
  /** Below the server's search path. */
  readonly devicePath: string;
  readonly accessMode?: "ro" | "rw" | "migration";
  /** Instead of the server's address; without the carrier. */
  readonly address?: string;
  /** Of the server; default 1234. */
  readonly port?: number;
}

/** A refusal, with the errno that the user sees. */
export class PeerError extends Error {
  override readonly name = "PeerError";
  /** @param errno such as `EEXIST` */
  constructor(readonly errno: string, message: string) {
    super(`${errno}: ${message}`);
  }
}

/** A remote device on this side. */
export interface MappedDevice {
  /** Of the block device, such as `/dev/rnbd0`. */
  readonly path: string;
  state(): Promise<"open" | "closed">;
  /** @throws {PeerError} EBUSY while it is in use and `force` is not set */
  unmap(force?: boolean): Promise<void>;
  /** Connects anew and takes over what the server says about the device now. */
  reopen(): Promise<void>;
}

/** The paths of one session, by the server's addresses. */
export interface SessionPaths {
  add(address: string): Promise<void>;
  /** Closes it until {@link reconnect}. */
  disconnect(address: string): Promise<void>;
  reconnect(address: string): Promise<void>;
  /** Addresses of those that carry requests. */
  connected(): Promise<readonly string[]>;
}

/** Maps devices. */
export interface BlockClient {
  readonly kind: PeerKind;
  /** @throws {PeerError} when the server or the client refuses */
  map(options: MapOptions): Promise<MappedDevice>;
  /** The paths of a session; addresses of the server, without the carrier. */
  paths(sessname: string): SessionPaths;
  /** Drops everything that is mapped and goes. */
  stop(): Promise<void>;
  /** Ours only: the process, to kill or to look at. */
  readonly process?: PeerProcess;
}

/** Exports devices. */
export interface BlockServer {
  readonly kind: PeerKind;
  /** Sessions that are connected, by name. */
  sessions(): Promise<readonly string[]>;
  stop(): Promise<void>;
  /** Ours only. */
  readonly process?: PeerProcess;
}

/** A program that can be treated badly. */
export interface PeerProcess {
  readonly pid: number;
  /** Ends it at once, without a chance to say anything. */
  kill(): Promise<void>;
  /** As it is, but it does not run any more. */
  freeze(): void;
  thaw(): void;
  /** Of its stderr, for failures. */
  readonly log: string;
  /** Counters of its reactors, added up. */
  counters(): Promise<Readonly<Record<string, number>>>;
  /** What it refused, by reason; reasons that never came up are missing. */
  rejections(): Promise<Readonly<Record<string, number>>>;
}
