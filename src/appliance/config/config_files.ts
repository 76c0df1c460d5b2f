/** Finds and reads the files of a configuration: the main one and its drop-ins. */
import { dirname, join } from "node:path/posix";
import { CONFIG_BYTES_MAX, CONFIG_FILE_BYTES_MAX, CONFIG_FILES_MAX } from "./limits.ts";
import type { ConfigProblem } from "./problems.ts";

/** The folder of the drop-ins of the main file `file`, whether it is there or not. */
export function dropInFolder(file: string): string {
  return join(dirname(file), "conf.d");
}

/** One file of a configuration. */
export interface ConfigText {
  /** Its name in messages. */
  readonly file: string;
  readonly text: string;
}

/** A file, or why it cannot be read. */
export type ConfigSource = ConfigText | ConfigProblem;

/**
 * Reads the main file and after it, sorted by the bytes of their names, the `*.toml` files of
 * `conf.d` in the same folder. Hidden files and other names are left alone.
 * @param file the main file
 */
export function readConfigFiles(file: string): readonly ConfigSource[] {
  const reader = new FileReader();
  const main = reader.read(file);
  // Without a main file nothing says that the folder beside it is meant.
  if ("message" in main && main.line === 0) return [main];
  if (isStream(file)) return [main];
  const folder = dropInFolder(file);
  const names = dropIns(folder);
  if (!Array.isArray(names)) return [main, names];
  const others = names.map((name) => join(folder, name));
  return [main, ...others.map((other) => notRegular(other) ?? reader.read(other))];
}

/** `/dev/stdin` and what a shell makes of `<(…)`: there is no folder beside it. */
const isStream = (file: string) => /^\/(dev\/stdin$|dev\/fd\/|proc\/)/.test(file);

/** Names of the drop-ins in their order. */
function dropIns(folder: string): string[] | ConfigProblem {
  let names: string[];
  try {
    names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    return problem(folder, `cannot be read (${reason(error)}); make it a folder of TOML files`);
  }
  const chosen = names.filter((name) => name.endsWith(".toml") && !name.startsWith("."));
  if (chosen.length >= CONFIG_FILES_MAX) {
    const most = CONFIG_FILES_MAX - 1;
    return problem(folder, `has ${chosen.length} files; at most ${most} are possible`);
  }
  const encoder = new TextEncoder();
  const keyed = chosen.map((name) => ({ name, bytes: encoder.encode(name) }));
  return keyed.sort((a, b) => compareBytes(a.bytes, b.bytes)).map(({ name }) => name);
}

function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const at = left.findIndex((byte, index) => byte !== right[index]);
  if (at < 0) return left.length - right.length;
  return left[at]! - (right[at] ?? -1);
}

/** A pipe would be waited for, and a folder says less by itself. */
function notRegular(file: string): ConfigProblem | undefined {
  try {
    const { isDirectory, isFifo, isSocket } = Deno.statSync(file);
    if (isDirectory) return problem(file, "is a folder; give it another name, or move it away");
    if (isFifo || isSocket) return problem(file, "is no regular file; move it away");
  } catch {
    // Reading it says what is wrong.
  }
  return undefined;
}

class FileReader {
  private readonly buffer = new Uint8Array(CONFIG_FILE_BYTES_MAX + 1);
  private totalBytes = 0;

  read(file: string): ConfigSource {
    let length: number;
    try {
      length = this.fill(file);
    } catch (error) {
      return problem(file, `cannot be read (${reason(error)}); give the path of a TOML file`);
    }
    if (length > CONFIG_FILE_BYTES_MAX) {
      const message = `has more than ${CONFIG_FILE_BYTES_MAX} bytes; split the configuration`;
      return problem(file, message);
    }
    this.totalBytes += length;
    if (this.totalBytes > CONFIG_BYTES_MAX) {
      const message = `takes the files up to this one over ${CONFIG_BYTES_MAX} bytes; use fewer`;
      return problem(file, message);
    }
    return decode(file, this.buffer.subarray(0, length));
  }

  /** Never more than the limit: a device or pipe may be endless. */
  private fill(file: string): number {
    // Deno opens this name for nobody who may not do everything.
    if (file === "/dev/stdin") return this.fillFrom(Deno.stdin);
    using handle = Deno.openSync(file);
    return this.fillFrom(handle);
  }

  private fillFrom(source: { readSync(into: Uint8Array): number | null }): number {
    let length = 0;
    while (length < this.buffer.length) {
      const count = source.readSync(this.buffer.subarray(length));
      if (count === null) break;
      length += count;
    }
    return length;
  }
}

function decode(file: string, bytes: Uint8Array): ConfigSource {
  try {
    return { file, text: new TextDecoder("utf-8", { fatal: true }).decode(bytes) };
  } catch {
    const before = new TextDecoder().decode(bytes).split("\ufffd")[0]!.split("\n");
    const place = { line: before.length, column: before.at(-1)!.length + 1 };
    return { ...problem(file, "is not UTF-8; save the file as UTF-8"), ...place };
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function problem(file: string, message: string): ConfigProblem {
  return { file, line: 0, column: 0, key: "", message };
}
