/** The words for sides and things, with the other spellings that the originals take. */
import type { Mode, Target, Thing } from "./spec.ts";

/** A word that says which side. */
export interface ModeWord {
  readonly name: string;
  readonly aliases: readonly string[];
  /** Undefined: both sides. */
  readonly mode: Mode | undefined;
  readonly doc: string;
}

/** The sides. */
export const MODE_WORDS: readonly ModeWord[] = [
  { name: "client", aliases: ["clt", "cli"], mode: "client", doc: "what this node maps" },
  { name: "server", aliases: ["srv", "serv"], mode: "server", doc: "what this node serves" },
  { name: "both", aliases: [], mode: undefined, doc: "both sides" },
];

/** A word that says which kind of thing. */
export interface ThingWord {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly thing: Thing;
  /** The only side that has it under this name. */
  readonly mode?: Mode;
  readonly doc: string;
}

/** The kinds of things. */
export const THING_WORDS: readonly ThingWord[] = [
  {
    name: "device",
    aliases: ["dev", "devs", "devices"],
    thing: "device",
    doc: "the client's mappings and the server's exports",
  },
  {
    name: "mapping",
    aliases: ["mappings"],
    thing: "device",
    mode: "client",
    doc: "devices of servers that are mapped here",
  },
  {
    name: "session",
    aliases: ["sess", "sessions"],
    thing: "session",
    doc: "sessions to servers, and of clients here",
  },
  { name: "path", aliases: ["paths"], thing: "path", doc: "paths of sessions" },
  {
    name: "export",
    aliases: ["exports"],
    thing: "device",
    mode: "server",
    doc: "devices of this node that clients have open",
  },
];

const target = (mode: Mode) => (thing: Thing): Target => ({ mode, thing });

/** Things at the client. */
export const atClient = (...things: readonly Thing[]): Target[] => things.map(target("client"));
/** Things at the server. */
export const atServer = (...things: readonly Thing[]): Target[] => things.map(target("server"));

/** All there is. */
export const EVERYWHERE: readonly Target[] = [
  ...atClient("device", "session", "path"),
  ...atServer("device", "session", "path"),
];

/** What the originals and we call it: `mapping`, `client session`, `server path`, `export`. */
export function targetName({ mode, thing }: Target): string {
  if (thing === "device") return mode === "client" ? "mapping" : "export";
  return `${mode} ${thing}`;
}
