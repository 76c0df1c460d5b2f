/** Causes of errors, and what a person can do: what the tables beside this file are made of. */
import type { AccessMode } from "../config/config.ts";

/** What failed: texts name it. Fields that have no meaning where it failed are empty or 0. */
export interface Subject {
  /** Of the mapping, session, export or client that is explained. */
  readonly name: string;
  readonly sessname: string;
  /** Address of the server, with its prefix. */
  readonly address: string;
  readonly port: number;
  readonly devicePath: string;
  readonly mode: AccessMode;
  readonly expose: "nbd" | "ublk";
  /** The whole last error. */
  readonly error: string;
}

/** Why it failed, and what can be done about it. */
export interface Cause {
  /** A sentence or two in plain words, without the errno. */
  readonly cause: string;
  /** The most likely first; commands stand between backticks. */
  readonly advice: readonly string[];
}

/** Causes by the name of the errno. */
export type CauseTable = Readonly<Record<string, (subject: Subject) => Cause>>;

/** Where something failed. */
export type Situation =
  /** A session or path that is not connected. */
  | "connect"
  /** The server does not open the device. */
  | "open"
  /** The device is open, and not available on this machine. */
  | "expose";

/** Makes a cause. */
export const because = (cause: string, ...advice: readonly string[]): Cause => ({ cause, advice });

/** The server's address, where it is known. */
export const addressOf = ({ address }: Subject): string => address || "its server";

/** `tcp:192.0.2.1 port 1234` */
export const endOf = (subject: Subject): string =>
  addressOf(subject) + (subject.port === 0 ? "" : ` port ${subject.port}`);

/** True for the built-in carrier, false for RDMA. */
export const isTcp = ({ address }: Subject): boolean => !/^(ip|gid):/.test(address);

/** Tries a mapping or session again at once. */
export const recover = ({ name }: Subject): string =>
  `try it now, without waiting for the next try: \`rnbd-appliance recover ${quoted(name)}\``;

/** What this machine lacks. */
export const DOCTOR = "see what this machine lacks: `rnbd-appliance doctor`";

/** What the server says about itself. */
export const SERVER_STATUS =
  "on the server, look at its listeners, exports and refusals: `rnbd-appliance status`";

/** Takes the files over again. */
export const APPLY = "change the config and take it over: `rnbd-appliance apply`";

/** A name as a shell takes it. */
export function quoted(name: string): string {
  return /^[\w@%+=:,./-]+$/.test(name) ? name : `'${name.replaceAll("'", `'\\''`)}'`;
}
