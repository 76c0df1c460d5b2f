/** io_uring: nothing works without it. */
import { Area, type Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

const area = new Area("io_uring");
const SWITCH = "/proc/sys/kernel/io_uring_disabled";

/** Whether rings can be had, and what forbids them. */
export function checkIoUring(machine: Machine): Finding[] {
  return [checkSetup(machine), checkSwitch(machine)];
}

function checkSetup(machine: Machine): Finding {
  const failure = machine.ringFailure();
  if (failure === null) {
    const library = machine.canLoad("liburing.so.2")
      ? "by liburing.so.2"
      : "by system calls (liburing.so.2 is not installed and not needed)";
    return area.ok("setup", `works, ${library}`);
  }
  const [what, ...next] = failure.split(/: (?=[a-z])/);
  const advice = next.join(": ") || "see io_uring_setup(2)";
  return area.missing("setup", what!, advice, "tcp", "rdma", "nbd", "ublk");
}

/** Documentation/admin-guide/sysctl/kernel.rst, io_uring_disabled. */
function checkSwitch(machine: Machine): Finding {
  const value = machine.read(SWITCH)?.trim();
  if (value === undefined) return area.ok("sysctl", "this kernel has no switch against it");
  if (value === "0") return area.ok("sysctl", "kernel.io_uring_disabled = 0");
  const whom = value === "1" ? "only for root and kernel.io_uring_group" : "for nobody";
  const advice = "sysctl -w kernel.io_uring_disabled=0; at every boot: the same in /etc/sysctl.d/";
  return area.warning("sysctl", `kernel.io_uring_disabled = ${value}: ${whom}`, advice);
}
