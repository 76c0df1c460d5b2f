/** What a config may say, but its operator should know about. */
import { isLocalAddress, parseHttpAddress } from "./addresses.ts";
import type { Config, ControlConfig, ServerConfig } from "./config.ts";
import { normalDevicePath } from "./names.ts";

/** Permission to write for those who are neither the owner nor in the group. */
const WRITE_FOR_OTHERS = 0o002;

/** One sentence each, that begins with the key; in the order of the tables. */
export function configWarnings({ control, server }: Config): string[] {
  const warnings = [...httpWarnings(control), ...socketWarnings(control)];
  return server === undefined ? warnings : [...warnings, ...searchPathWarnings(server)];
}

function httpWarnings({ http }: ControlConfig): string[] {
  if (http === undefined || isLocalAddress(parseHttpAddress(http).hostname)) return [];
  return [
    `control.http: everybody who reaches ${http} can see metrics and status, there is no ` +
    "password; let a firewall or a proxy decide who does, or listen on 127.0.0.1",
  ];
}

function socketWarnings({ socketMode }: ControlConfig): string[] {
  if ((socketMode & WRITE_FOR_OTHERS) === 0) return [];
  return [
    "control.socket_mode: every user of this machine can steer the program; use 0660 and " +
    "socket_group, and read_only_socket for those who only look",
  ];
}

function searchPathWarnings({ devSearchPath, exports }: ServerConfig): string[] {
  if (normalDevicePath(devSearchPath) !== "") return [];
  const isOpen = exports.length === 0 ||
    exports.some(({ backend, devicePath }) =>
      backend === "path" && /^[*/.]+$/.test(devicePath) && devicePath.includes("*")
    );
  if (!isOpen) return [];
  return [
    'server.dev_search_path: "/" offers every file and disk of this machine; name the folder of ' +
    "the devices, or add a [[server.export]] for each",
  ];
}
