/** Limits of this process: locked memory, open files, address space. */
import { exactSize, roundedSize } from "../config/units.ts";
import { hasCapability } from "./base_checks.ts";
import { Area, type Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

const area = new Area("limits");

/** Open files below which a server with some dozen clients ends: sockets, files, rings. */
const OPEN_FILES_MIN = 4096;
/** The default of node.memory_limit. */
const ARENA_BYTES = 64 * 2 ** 30;
/** queue_depth 512 chunks of 128 KiB + 4 KiB: what one session takes at a server. */
const SESSION_BYTES = 512 * (132 * 1024);

/** Limits that this program meets. */
export function checkLimits(machine: Machine): Finding[] {
  return [checkLockedMemory(machine), checkOpenFiles(machine), checkAddressSpace(machine)];
}

/** Soft limit by its name in /proc/self/limits; undefined when it is not there. */
function softLimit(machine: Machine, name: string): number | undefined {
  const line = (machine.read("/proc/self/limits") ?? "").split("\n")
    .find((candidate) => candidate.startsWith(name));
  const value = line?.slice(name.length).trim().split(/\s+/)[0];
  if (value === undefined) return undefined;
  return value === "unlimited" ? Infinity : Number(value);
}

/** The kernel counts memory that RDMA devices reach as locked (ib_umem_get). */
function checkLockedMemory(machine: Machine): Finding {
  const what = "MEMLOCK";
  if (hasCapability(machine, "CAP_IPC_LOCK")) return area.ok(what, "no limit (CAP_IPC_LOCK)");
  const limit = softLimit(machine, "Max locked memory");
  if (limit === Infinity) return area.ok(what, "no limit");
  const found = limit === undefined ? "cannot be seen" : exactSize(limit);
  const advice = `RDMA needs ${roundedSize(SESSION_BYTES)} a session at a server: in the systemd ` +
    "unit LimitMEMLOCK=infinity; for a login, in /etc/security/limits.conf: * - memlock unlimited";
  return area.warning(what, found, advice);
}

function checkOpenFiles(machine: Machine): Finding {
  const what = "NOFILE";
  const limit = softLimit(machine, "Max open files");
  if (limit !== undefined && limit >= OPEN_FILES_MIN) return area.ok(what, String(limit));
  const advice = "in the systemd unit LimitNOFILE=65536; for a login, in " +
    "/etc/security/limits.conf: * - nofile 65536";
  return area.warning(what, limit === undefined ? "cannot be seen" : String(limit), advice);
}

function checkAddressSpace(machine: Machine): Finding {
  const what = "address space";
  const bytes = machine.reservableBytes(ARENA_BYTES);
  const found = `${exactSize(bytes)} can be reserved`;
  if (bytes >= ARENA_BYTES) return area.ok(what, found);
  const isStrict = machine.read("/proc/sys/vm/overcommit_memory")?.trim() === "2";
  const cause = isStrict
    ? "vm.overcommit_memory is 2: set it to 0 (sysctl -w vm.overcommit_memory=0), or raise " +
      "vm.overcommit_ratio"
    : "ulimit -v unlimited; in the systemd unit LimitAS=infinity";
  if (bytes === 0) return area.missing(what, "none", cause, "tcp", "rdma", "nbd", "ublk");
  return area.warning(what, found, `memory for chunks and disks ends there: ${cause}`);
}
