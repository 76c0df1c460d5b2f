/** Programs that open an NBD export. */
import { Area, type Finding } from "./finding.ts";
import { moduleAdvice, moduleState } from "./kernel_modules.ts";
import type { Machine } from "./machine.ts";

const area = new Area("NBD");

/** `[program, Debian package]` */
const CLIENTS: readonly (readonly [string, string])[] = [
  ["nbdinfo", "libnbd-bin"],
  ["nbdcopy", "libnbd-bin"],
  ["nbdfuse", "nbdfuse"],
  ["qemu-img", "qemu-utils"],
  ["qemu-nbd", "qemu-utils"],
  ["nbd-client", "nbd-client"],
];

/** The exposure needs nothing; its users do. */
export function checkNbd(machine: Machine): Finding[] {
  const found = CLIENTS.map(([name]) => name).filter((name) => machine.findCommand(name));
  const clients = found.length > 0
    ? area.ok("clients", found.join(", "))
    : area.warning("clients", "none", "apt-get install libnbd-bin qemu-utils nbd-client");
  return found.includes("nbd-client") ? [clients, checkDriver(machine)] : [clients];
}

/** `nbd-client` makes a block device of an export with it; the others need no driver. */
function checkDriver(machine: Machine): Finding {
  const state = moduleState(machine, "nbd");
  if (state === "loaded") return area.ok("kernel client", "the module nbd is loaded");
  const found = state === "available" ? "the module nbd is not loaded" : "no module nbd";
  const advice = `nbd-client needs it: ${moduleAdvice(machine, "nbd")}`;
  return area.warning("kernel client", found, advice);
}
