/** What the table of verbs is made of: parser, help, man page and completions read it. */

/** What can be typed at a place; lists of names are asked of the running appliance. */
export type Completion =
  | "file"
  | "column"
  | "verb"
  | "name"
  | "mapping"
  | "manual"
  | "session"
  | "path"
  | "export"
  | "client"
  | "setting"
  | readonly string[];

/** An option; without a value it is a flag. */
export interface OptionSpec {
  readonly name: string;
  /** Other long names. */
  readonly aliases?: readonly string[];
  readonly short?: string;
  /** What its value is, for the help. */
  readonly value?: string;
  readonly isRequired?: boolean;
  readonly isRepeatable?: boolean;
  /** Words that say it without dashes, as in the originals, and the value that each gives. */
  readonly bareWords?: Readonly<Record<string, string>>;
  /** `KEY=VALUE` says it without dashes. */
  readonly bareKey?: string;
  /** This word, and then the value, say it without dashes. */
  readonly leadIn?: string;
  readonly completes?: Completion;
  readonly doc: string;
}

/** Something that stands without a name. */
export interface PositionalSpec {
  readonly name: string;
  readonly isRequired: boolean;
  /** Takes all words that are left. */
  readonly isRepeated?: boolean;
  readonly completes?: Completion;
  readonly doc: string;
}

/** Whose things: those that this node maps, or those that it serves. */
export const MODES = ["client", "server"] as const;
export type Mode = typeof MODES[number];

/** What a verb acts on; a client's devices are its mappings, a server's its exports. */
export type Thing = "device" | "session" | "path";

/** A kind of thing on one side, for example `client session`. */
export interface Target {
  readonly mode: Mode;
  readonly thing: Thing;
}

/** How a result can be printed. */
export const FORMATS = ["table", "json", "csv", "xml"] as const;
export type Format = typeof FORMATS[number];

/** What the program can do. */
export interface VerbSpec {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly doc?: string;
  /** What can be named before or after the verb; absent: nothing. */
  readonly targets?: readonly Target[];
  readonly positionals: readonly PositionalSpec[];
  readonly options: readonly OptionSpec[];
  /** Words that are left over choose columns. */
  readonly hasColumns?: boolean;
  /** Not in help and completions. */
  readonly isHidden?: boolean;
  readonly examples: readonly string[];
}
