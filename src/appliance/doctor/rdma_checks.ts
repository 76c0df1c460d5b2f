/** RDMA: libraries, kernel interfaces, soft-RoCE. The devices are in `rdma_devices.ts`. */
import { RDMA_PACKAGES } from "../../ffi/optional_library.ts";
import { Area, type Finding } from "./finding.ts";
import { moduleAdvice, moduleState } from "./kernel_modules.ts";
import type { Machine } from "./machine.ts";
import { checkDevices, RDMA_DEVICES } from "./rdma_devices.ts";

const area = new Area("RDMA");
const PROVIDERS = "/etc/libibverbs.d";

/** `[name of the node, module that makes it]` below /dev/infiniband. */
const CONNECTION_MANAGER = ["rdma_cm", "rdma_ucm"] as const;

/** Everything that `ip:` and `gid:` addresses need. */
export function checkRdma(machine: Machine): Finding[] {
  return [
    checkLibrary(machine, "libibverbs.so.1"),
    checkLibrary(machine, "librdmacm.so.1"),
    checkProviders(machine),
    checkConnectionManager(machine),
    ...checkVerbsNodes(machine),
    ...checkDevices(machine, area),
    checkSoftRoce(machine),
  ];
}

function checkLibrary(machine: Machine, library: string): Finding {
  const what = library.split(".")[0]!;
  if (machine.canLoad(library)) return area.ok(what, library);
  return area.missing(what, `no ${library}`, `apt-get install ${RDMA_PACKAGES}`, "rdma");
}

function checkProviders(machine: Machine): Finding {
  const names = machine.list(PROVIDERS).filter((name) => name.endsWith(".driver"))
    .map((name) => name.slice(0, -".driver".length));
  if (names.length > 0) return area.ok("providers", names.join(", "));
  const advice = "apt-get install ibverbs-providers";
  return area.missing("providers", `none in ${PROVIDERS}`, advice, "rdma");
}

function checkConnectionManager(machine: Machine): Finding {
  const [node, module] = CONNECTION_MANAGER;
  return checkNode(machine, "connections", `/dev/infiniband/${node}`, module);
}

/** One node a device; there are none before the first device. */
function checkVerbsNodes(machine: Machine): Finding[] {
  if (machine.list(RDMA_DEVICES).length === 0) return [];
  const nodes = machine.list("/dev/infiniband").filter((name) => name.startsWith("uverbs"));
  const paths = nodes.length === 0 ? ["uverbs0"] : nodes;
  return paths.map((name) => checkNode(machine, "verbs", `/dev/infiniband/${name}`, "ib_uverbs"));
}

function checkNode(machine: Machine, what: string, path: string, module: string): Finding {
  if (!machine.exists(path)) {
    const isLoaded = moduleState(machine, module) === "loaded";
    const advice = isLoaded
      ? `the module ${module} is loaded, its node is not here (a container?): give it to this ` +
        `one (podman: --device ${path})`
      : moduleAdvice(machine, module);
    return area.missing(what, `no ${path}`, advice, "rdma");
  }
  const failure = machine.openFailure(path);
  if (failure === null) return area.ok(what, path);
  const advice = "run as root, or let this user open it (a udev rule); in a container allow the " +
    "device";
  return area.missing(what, `${path} cannot be opened: ${failure}`, advice, "rdma");
}

/** RDMA over any Ethernet card, in software (rdma_rxe). */
function checkSoftRoce(machine: Machine): Finding {
  const state = moduleState(machine, "rdma_rxe");
  if (state === "loaded") return area.ok("soft-RoCE", "rdma_rxe is loaded");
  if (state === "available") return area.ok("soft-RoCE", "possible: rdma_rxe is there, not loaded");
  if (machine.list(RDMA_DEVICES).length > 0) return area.ok("soft-RoCE", "none (not needed)");
  return area.missing("soft-RoCE", "no rdma_rxe", moduleAdvice(machine, "rdma_rxe"));
}
