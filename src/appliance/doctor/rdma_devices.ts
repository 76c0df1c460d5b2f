/** RDMA devices as sysfs shows them (Documentation/ABI/stable/sysfs-class-infiniband). */
import { formatGid, formatIp, parseIpv6 } from "../../fabric/ip_address.ts";
import type { Area, Finding } from "./finding.ts";
import type { Machine } from "./machine.ts";

/** Folder with one entry a device. */
export const RDMA_DEVICES = "/sys/class/infiniband";

/** Entries of a port's GID table that are looked at; most are empty. */
const GIDS_MAX = 64;

const SOFT_ROCE =
  "with any Ethernet card: modprobe rdma_rxe && rdma link add rxe0 type rxe netdev " +
  "eth0 (Debian: iproute2)";

/** Its ports, or that there is none. */
export function checkDevices(machine: Machine, area: Area): Finding[] {
  const devices = machine.list(RDMA_DEVICES);
  if (devices.length === 0) {
    const advice = `put in a card and load its driver; ${SOFT_ROCE}`;
    return [area.missing("devices", `none in ${RDMA_DEVICES}`, advice, "rdma")];
  }
  const ports = devices.flatMap((device) =>
    machine.list(`${RDMA_DEVICES}/${device}/ports`).map((port) =>
      checkPort(machine, area, device, port)
    )
  );
  if (ports.some(({ state }) => state === "ok")) return ports;
  const advice = "see the ports: at least one must be active and have an address";
  return [...ports, area.missing("devices", "no port can be used", advice, "rdma")];
}

function checkPort(machine: Machine, area: Area, device: string, port: string): Finding {
  const folder = `${RDMA_DEVICES}/${device}/ports/${port}`;
  const field = (name: string) => machine.read(`${folder}/${name}`)?.trim() ?? "";
  // "4: ACTIVE"
  const state = field("state").replace(/^\d+: /, "") || "state unknown";
  const layer = field("link_layer") || "link layer unknown";
  const addresses = addressesOf(machine, folder);
  const interfaces = [...new Set(addresses.map(({ netdev }) => netdev))].filter(Boolean);
  const what = `${device} port ${port}`;
  const found = [state, layer, ...interfaces, ...addresses.map(({ text }) => text)].join(", ");
  if (state !== "ACTIVE") {
    const netdev = interfaces[0] ?? "its interface";
    const advice = layer === "InfiniBand"
      ? "check the cable, and that a subnet manager runs (Debian: apt-get install opensm)"
      : `check the cable; ip link set ${netdev} up`;
    return area.warning(what, found, advice);
  }
  if (addresses.length > 0) return area.ok(what, found);
  const advice = "it has no address: give its network interface one (ip address add …); one that " +
    "it had before the RDMA device came has to be taken away and added again";
  return area.warning(what, found, advice);
}

interface PortAddress {
  /** As a user writes it in `listen` and `paths`. */
  readonly text: string;
  readonly netdev: string;
}

function addressesOf(machine: Machine, folder: string): PortAddress[] {
  const found: PortAddress[] = [];
  for (const index of machine.list(`${folder}/gids`).slice(0, GIDS_MAX)) {
    const bytes = parseIpv6(machine.read(`${folder}/gids/${index}`)?.trim() ?? "");
    if (bytes === undefined || bytes.every((byte) => byte === 0)) continue;
    const netdev = machine.read(`${folder}/gid_attrs/ndevs/${index}`)?.trim() ?? "";
    const text = addressText(bytes);
    // RoCE v1 and v2 have an entry each.
    if (!found.some((other) => other.text === text)) found.push({ text, netdev });
  }
  return found;
}

/** IPv4 addresses are mapped into GIDs as into IPv6. */
function addressText(gid: Uint8Array): string {
  const isMapped = gid.subarray(0, 10).every((byte) => byte === 0) && gid[10] === 0xff &&
    gid[11] === 0xff;
  return isMapped ? `ip:${formatIp(gid.subarray(12))}` : `gid:${formatGid(gid)}`;
}
