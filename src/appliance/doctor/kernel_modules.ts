/** Whether the kernel has a module, and how to get it. */
import type { Machine } from "./machine.ts";

/**
 * `loaded` (also built in), `available` (modprobe has it), `absent` (this kernel was built without
 * it), `unknown` (the kernel's modules are not here, as in a container).
 */
export type ModuleState = "loaded" | "available" | "absent" | "unknown";

const BOOT_FILE = "/etc/modules-load.d/rnbd-appliance.conf";

/** State of the module `name`, spelled with underscores. */
export function moduleState(machine: Machine, name: string): ModuleState {
  if (machine.exists(`/sys/module/${name}`)) return "loaded";
  const folder = `/lib/modules/${machine.kernel}`;
  const file = new RegExp(`/${name.replaceAll("_", "[-_]")}\\.ko`);
  if (file.test(machine.read(`${folder}/modules.builtin`) ?? "")) return "loaded";
  const known = machine.read(`${folder}/modules.dep`);
  if (known === undefined) return "unknown";
  return file.test(known) ? "available" : "absent";
}

/** How to get a module that is not loaded. */
export function moduleAdvice(machine: Machine, name: string): string {
  const state = moduleState(machine, name);
  if (state === "absent") {
    const flavour = machine.arch === "aarch64" ? "arm64" : "amd64";
    return `this kernel was built without the module ${name}; boot one that has it (Debian: ` +
      `apt-get install linux-image-${flavour}, not its cloud flavour)`;
  }
  if (state === "unknown") {
    return `no modules of this kernel are here (a container?): modprobe ${name} on the host`;
  }
  return `modprobe ${name}; at every boot: echo ${name} >> ${BOOT_FILE}`;
}
