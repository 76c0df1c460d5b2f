/** The kernel's own RNBD: a peer, on this machine or for comparison. Nothing here is needed. */
import { Area, type Finding } from "./finding.ts";
import { moduleState } from "./kernel_modules.ts";
import type { Machine } from "./machine.ts";

const area = new Area("kernel RNBD");

/** Both halves of it. */
export function checkKernelRnbd(machine: Machine): Finding[] {
  return [checkHalf(machine, "client"), checkServer(machine)];
}

function checkHalf(machine: Machine, half: "client" | "server"): Finding {
  const module = `rnbd_${half}`;
  const state = moduleState(machine, module);
  if (state === "loaded") return area.ok(half, `${module} is loaded`);
  if (state === "available") return area.ok(half, `${module} is there, not loaded`);
  return area.ok(half, `no ${module} (not needed)`);
}

/** Two servers cannot have one RDMA port. */
function checkServer(machine: Machine): Finding {
  const state = moduleState(machine, "rnbd_server");
  if (state !== "loaded") return checkHalf(machine, "server");
  const port = machine.read("/sys/module/rnbd_server/parameters/port_nr")?.trim() ?? "1234";
  const advice = `an RDMA listener of this program needs another port than ${port}, or: ` +
    "modprobe -r rnbd_server";
  return area.warning("server", `rnbd_server is loaded and has RDMA port ${port}`, advice);
}
