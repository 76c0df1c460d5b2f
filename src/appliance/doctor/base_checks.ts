/** Kernel, runtime, privileges. */
import { Area, type Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

const area = new Area("base");

/** Architectures that the native layouts were checked on. */
const ARCHITECTURES = ["x86_64", "aarch64"];

/** include/uapi/linux/capability.h. */
const CAPABILITY = {
  CAP_IPC_LOCK: 14,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_RESOURCE: 24,
} as const;
type Capability = keyof typeof CAPABILITY;

const USES: Readonly<Record<Capability, string>> = {
  CAP_IPC_LOCK: "RDMA past the limit on locked memory",
  CAP_SYS_ADMIN: "ublk",
  CAP_SYS_RESOURCE: "ublk while memory is short (PR_SET_IO_FLUSHER)",
};

/** Kernel and runtime. */
export function checkBase(machine: Machine): Finding[] {
  return [checkKernel(machine), checkRuntime(machine), checkPrivileges(machine)];
}

function checkKernel({ kernel, arch }: Machine): Finding {
  const found = `Linux ${kernel}, ${arch}`;
  if (!ARCHITECTURES.includes(arch)) {
    return area.warning("kernel", found, `nobody has tried this on ${arch}: use x86_64 or aarch64`);
  }
  const [major = 0, minor = 0] = kernel.split(".").map((part) => parseInt(part, 10));
  if (major > 6 || (major === 6 && minor >= 1)) return area.ok("kernel", found);
  // A distribution may have brought what is needed to an older kernel: the checks below tell.
  return area.warning("kernel", found, "Linux 6.1 or newer is what this is made for");
}

function checkRuntime(machine: Machine): Finding {
  const found = `Deno ${machine.denoVersion}`;
  if (machine.canLoad("libc.so.6")) return area.ok("runtime", found);
  const advice = "run on a system with the GNU C library (Debian, Fedora, …; not Alpine)";
  const ways = ["tcp", "rdma", "nbd", "ublk"] as const;
  return area.missing("runtime", `${found}, no libc.so.6`, advice, ...ways);
}

/** Whether this process has a capability; false when that cannot be seen. */
export function hasCapability(machine: Machine, name: Capability): boolean {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(machine.read("/proc/self/status") ?? "")?.[1];
  return mask !== undefined && (BigInt(`0x${mask}`) >> BigInt(CAPABILITY[name]) & 1n) === 1n;
}

function checkPrivileges(machine: Machine): Finding {
  const names = Object.keys(CAPABILITY) as Capability[];
  const lacking = names.filter((name) => !hasCapability(machine, name));
  if (lacking.length === 0) return area.ok("privileges", names.join(", "));
  const uses = lacking.map((name) => `${name} is for ${USES[name]}`).join("; ");
  const advice = `${uses}: run as root with them, or in the systemd unit: ` +
    `AmbientCapabilities=${lacking.join(" ")}`;
  return area.warning("privileges", `without ${lacking.join(", ")}`, advice);
}
