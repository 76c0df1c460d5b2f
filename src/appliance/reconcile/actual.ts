/** What the node is: read afresh for every round. Devices of others are never in it. */
import type {
  ControlConfig,
  ExportConfig,
  MappingConfig,
  NodeConfig,
  ServerConfig,
  SessionConfig,
} from "../config/config.ts";
import type { Origin } from "./desired.ts";

/** Why a mapping is not open. */
export interface ActualFailure {
  readonly reason: string;
  /** Trying again is of no use before something changes. */
  readonly isTerminal: boolean;
  /** Milliseconds until its session tries by itself; null when it does not. */
  readonly nextTryMs: number | null;
}

/** A mapping that is there. */
export interface ActualMapping {
  /** As it was last applied. */
  readonly config: MappingConfig;
  readonly origin: Origin;
  /** What `expose` came to. */
  readonly exposedAs: "nbd" | "ublk";
  /** `opening`: a try is under way. */
  readonly state: "open" | "opening" | "closed";
  readonly failure: ActualFailure | undefined;
}

/** A session that is there. */
export interface ActualSession {
  readonly config: SessionConfig;
  readonly origin: Origin;
  /** Its paths can be changed while it is in use. */
  readonly hasLivePaths: boolean;
}

/** An export that is there. */
export interface ActualExport {
  readonly config: ExportConfig;
  /** Clients that have it open. */
  readonly holders: readonly string[];
}

/**
 * A block device of this node, by its tag and by the names that this node remembers, which no
 * mapping serves and whose process is gone.
 */
export interface Leftover {
  /** Number of the ublk device. */
  readonly id: number;
  /** Path in /dev. */
  readonly device: string;
  /** Name of the mapping that it was made for. */
  readonly name: string;
}

/** With what the process was started; most of it stays to its end. */
export interface RunningSettings {
  readonly node: NodeConfig;
  /** What `expose = "auto"` comes to on this machine. */
  readonly autoExpose: "nbd" | "ublk";
  readonly control: ControlConfig;
  readonly server: Omit<ServerConfig, "exports"> | undefined;
}

/** See the head of this file. */
export interface Actual {
  readonly running: RunningSettings;
  readonly mappings: readonly ActualMapping[];
  /** Mappings that are being taken away: their names and devices are not free yet. */
  readonly leaving: readonly MappingConfig[];
  readonly sessions: readonly ActualSession[];
  readonly exports: readonly ActualExport[];
  readonly leftovers: readonly Leftover[];
}

/** Who uses what, by {@link mappingUse} and {@link leftoverUse}; what was not asked is absent. */
export type Users = ReadonlyMap<string, readonly string[]>;

/** Key of a mapping's users. */
export const mappingUse = (name: string): string => `mapping ${name}`;

/** Key of a leftover's users. */
export const leftoverUse = (id: number): string => `leftover ${id}`;
