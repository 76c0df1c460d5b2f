/** ublk: block devices served by a process. */
import { FEATURE } from "../../ublk/commands.ts";
import { hasCapability } from "./base_checks.ts";
import { Area, type Finding } from "./finding.ts";
import { moduleAdvice, moduleState } from "./kernel_modules.ts";
import type { Machine } from "./machine.ts";

const area = new Area("ublk");
const CONTROL = "/dev/ublk-control";

/** Kernels whose ublk driver is known to break, and how. */
const BROKEN: readonly (readonly [RegExp, string])[] = [
  [/^6\.17\.0-(2[4-9]|3\d|40)-/, "ADD_DEV can crash this Ubuntu kernel"],
  [/^6\.17\.0-1019-aws/, "ADD_DEV can crash this Ubuntu kernel"],
  [/^6\.18\.[45](?!\d)/, "ADD_DEV can crash this kernel"],
  [/^7\.0\.0-28(?!\d)/, "START_DEV can hang when devices come and go quickly"],
];

/** What a missing feature takes away. */
const OPTIONAL: readonly (readonly [keyof typeof FEATURE, string])[] = [
  ["UPDATE_SIZE", "a device cannot grow while it is mapped (Linux 6.16)"],
  ["USER_RECOVERY_REISSUE", "a device cannot outlive its server (Linux 6.1)"],
];

/** Driver, device node, features. */
export async function checkUblk(machine: Machine): Promise<Finding[]> {
  if (!machine.exists(CONTROL)) return [missingControl(machine)];
  const failure = machine.openFailure(CONTROL);
  if (failure !== null) return [closedControl(machine, failure)];
  const features = await machine.ublkFeatures();
  if (typeof features === "string") {
    const [found, ...next] = features.split("; ");
    const advice = next.join("; ") || "see dmesg";
    return [
      area.ok("driver", `${CONTROL} is there`),
      area.missing("features", found!, advice, "ublk"),
    ];
  }
  const driver = checkDriver(machine);
  return [driver, checkFeatures(features), ...checkCount(machine)];
}

function missingControl(machine: Machine): Finding {
  const isLoaded = moduleState(machine, "ublk_drv") === "loaded";
  const advice = isLoaded
    ? `the driver is there, its node is not (a container?): give it to this one (podman: ` +
      `--device ${CONTROL})`
    : moduleAdvice(machine, "ublk_drv");
  return area.missing("driver", `no ${CONTROL}`, advice, "ublk");
}

function closedControl(machine: Machine, failure: string): Finding {
  const isRoot = hasCapability(machine, "CAP_SYS_ADMIN");
  const advice = isRoot
    ? "the container or its security profile forbids the device: allow it"
    : "ublk devices are for root (CAP_SYS_ADMIN): run as root";
  return area.missing("driver", `${CONTROL} cannot be opened: ${failure}`, advice, "ublk");
}

function checkDriver(machine: Machine): Finding {
  const found = `${CONTROL} is there`;
  const broken = BROKEN.find(([kernel]) => kernel.test(machine.kernel));
  if (broken === undefined) return area.ok("driver", found);
  return area.warning(
    "driver",
    `${found}, but ${broken[1]}`,
    'take another one, or expose = "nbd"',
  );
}

function checkFeatures(features: number): Finding {
  const known = Object.entries(FEATURE).filter(([, bit]) => (features & bit) !== 0);
  const found = known.map(([name]) => name).join(", ");
  const losses = OPTIONAL.filter(([name]) => (features & FEATURE[name]) === 0);
  if (losses.length === 0) return area.ok("features", found);
  const advice = `a newer kernel has ${losses.map(([name]) => name).join(", ")}; without: ` +
    losses.map(([, loss]) => loss).join("; ");
  return area.warning("features", found, advice);
}

/** Parameter ublks_max of ublk_drv: devices of ordinary users on some kernels, of all on others. */
function checkCount(machine: Machine): Finding[] {
  const limit = machine.read("/sys/module/ublk_drv/parameters/ublks_max")?.trim();
  return limit === undefined ? [] : [area.ok("devices", `at most ${limit} (ublks_max)`)];
}
