/**
 * Rules for the names and paths that the config file, the command line and the control API take.
 * Every check returns null when the value is good, else what is wrong and what would be right.
 */
import { NAME_BYTES_MAX, PATH_BYTES_MAX, SOCKET_PATH_BYTES_MAX } from "./limits.ts";

const encoder = new TextEncoder();

/** Stands for the session's name in dev_search_path. */
export const SESSNAME_MARKER = "%SESSNAME%";

/** Bytes of `text` in UTF-8. */
export function utf8Bytes(text: string): number {
  return encoder.encode(text).length;
}

/** What every name must be: some text, no control characters, short enough. */
export function textProblem(value: string, bytesMax: number): string | null {
  if (value === "") return "is empty; give at least one character";
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f]/.test(value) || !value.isWellFormed()) {
    return "holds a control character or half a character; use printable text";
  }
  const bytes = utf8Bytes(value);
  if (bytes > bytesMax) return `has ${bytes} bytes; at most ${bytesMax} are possible`;
  return null;
}

/** Name of a session (protocol: 254 bytes; the kernel refuses '/' and '.', rtrs-clt.c:2814). */
export function sessnameProblem(value: string): string | null {
  const problem = textProblem(value, NAME_BYTES_MAX);
  if (problem !== null) return problem;
  const bad = /[/.]/.exec(value)?.[0];
  if (bad !== undefined) return `holds "${bad}"; a session name has neither "/" nor "."`;
  return null;
}

/** Path of a device below the server's dev_search_path (rnbd-srv.c:715 refuses any ".."). */
export function devicePathProblem(value: string): string | null {
  const problem = textProblem(value, NAME_BYTES_MAX);
  if (problem !== null) return problem;
  if (value.includes("..")) return `holds ".."; name a path without it, as servers refuse it`;
  if (normalDevicePath(value) === "") return "names no device; give a path such as disk0.img";
  return null;
}

/** One spelling for all that mean the same file: no empty, leading, trailing or "." parts. */
export function normalDevicePath(value: string): string {
  return value.split("/").filter((part) => part !== "" && part !== ".").join("/");
}

/** Name of a mapping when none is given: the device path with '!' for '/', as sysfs shows it. */
export function defaultMappingName(devicePath: string): string {
  return devicePath.replaceAll("/", "!");
}

/** Name of a mapping: names a file in dev_dir and a socket in runtime_dir. */
export function mappingNameProblem(value: string, runtimeDir: string): string | null {
  const problem = textProblem(value, NAME_BYTES_MAX);
  if (problem !== null) return problem;
  if (value.includes("/")) return `holds "/"; use a plain file name, for example with "!" instead`;
  if (value === "." || value === "..") return "is no file name; use another one";
  if (value.startsWith("-")) return `starts with "-", which reads as an option; use another name`;
  const socket = nbdSocketPath(runtimeDir, value);
  const excess = utf8Bytes(socket) - SOCKET_PATH_BYTES_MAX;
  if (excess > 0) {
    return `makes the socket path ${socket} ${excess} bytes longer than the ` +
      `${SOCKET_PATH_BYTES_MAX} that Linux allows; give a shorter name, or a shorter ` +
      "node.runtime_dir";
  }
  return null;
}

/** Where the mapping `name` is exposed by NBD. */
export function nbdSocketPath(runtimeDir: string, name: string): string {
  return `${runtimeDir}/nbd/${name}.sock`;
}

/** Where the control API listens. */
export function controlSocketPath(runtimeDir: string): string {
  return `${runtimeDir}/control.sock`;
}

/** Where the control API listens for those who may only look. */
export function readOnlySocketPath(runtimeDir: string): string {
  return `${runtimeDir}/control-ro.sock`;
}

/** A folder or file named from the root. */
export function absolutePathProblem(value: string): string | null {
  const problem = textProblem(value, PATH_BYTES_MAX);
  if (problem !== null) return problem;
  if (!value.startsWith("/")) return `"${value}" is relative; give a path that starts with "/"`;
  return null;
}

/** The folder for sockets and state. */
export function runtimeDirProblem(value: string): string | null {
  const problem = absolutePathProblem(value);
  if (problem !== null) return problem;
  const excess = utf8Bytes(controlSocketPath(value)) - SOCKET_PATH_BYTES_MAX;
  if (excess > 0) return `is ${excess} bytes too long for the socket in it; use a shorter path`;
  return null;
}

/** The folder below which devices are opened; may hold the session's name once. */
export function searchPathProblem(value: string): string | null {
  const problem = absolutePathProblem(value);
  if (problem !== null) return problem;
  const pieces = value.split(SESSNAME_MARKER);
  if (pieces.length > 2) return `holds ${SESSNAME_MARKER} twice; it is possible once`;
  if (pieces.length === 2 && pieces[1] !== "" && pieces[1] !== "/") {
    return `has "${pieces[1]}" after ${SESSNAME_MARKER}; let it end with ${SESSNAME_MARKER}, as ` +
      "the kernel's server ignores what follows";
  }
  if (value.split("/").includes("..")) return `holds ".."; write the path without it`;
  const open = value.replaceAll(SESSNAME_MARKER, "").match(/%[A-Za-z]*%/)?.[0];
  if (open !== undefined) return `holds ${open}; only ${SESSNAME_MARKER} is replaced`;
  return null;
}
