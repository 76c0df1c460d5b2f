/** The kernel's NVMe over Fabrics, both ends in one guest, by configfs and /dev/nvme-fabrics. */
import { run, waitFor } from "../../tests/support/process.ts";
import { blockDevices } from "../../tests/vm/guest/media.ts";
import { RDMA_ADDRESS } from "../../tests/vm/guest/network.ts";

const CONFIG = "/sys/kernel/config";
const TARGET = `${CONFIG}/nvmet`;
const READY_TIMEOUT_MS = 60_000;

/** One transport's end points. */
const TRANSPORTS = {
  rdma: { address: RDMA_ADDRESS, service: "4420", port: "1" },
  tcp: { address: "127.0.0.1", service: "4421", port: "2" },
} as const;

/** Writes attributes below a folder of configfs, in this order. */
async function configure(folder: string, attributes: Record<string, string>): Promise<void> {
  for (const [name, value] of Object.entries(attributes)) {
    await Deno.writeTextFile(`${folder}/${name}`, value);
  }
}

async function offer(transport: keyof typeof TRANSPORTS, disk: string): Promise<string> {
  const { address, service, port } = TRANSPORTS[transport];
  const name = `rnbd-bench-${transport}`;
  const subsystem = `${TARGET}/subsystems/${name}`;
  await Deno.mkdir(subsystem);
  await configure(subsystem, { attr_allow_any_host: "1" });
  await Deno.mkdir(`${subsystem}/namespaces/1`);
  await configure(`${subsystem}/namespaces/1`, { device_path: disk, enable: "1" });
  const folder = `${TARGET}/ports/${port}`;
  await Deno.mkdir(folder);
  const type = { addr_trtype: transport, addr_adrfam: "ipv4" };
  await configure(folder, { ...type, addr_traddr: address, addr_trsvcid: service });
  await Deno.symlink(subsystem, `${folder}/subsystems/${name}`);
  return name;
}

const namespaces = (): string[] => blockDevices().filter((name) => /^nvme\d+n\d+$/.test(name));

/** Offers `disk` and connects to it. @returns path of the block device */
export async function connectNvme(
  transport: keyof typeof TRANSPORTS,
  disk: string,
): Promise<string> {
  for (const module of ["configfs", `nvmet-${transport}`, `nvme-${transport}`]) {
    await run("modprobe", [module]);
  }
  try {
    Deno.statSync(TARGET);
  } catch {
    await run("mount", ["-t", "configfs", "configfs", CONFIG]);
  }
  const before = new Set(namespaces());
  const name = await offer(transport, disk);
  const { address, service } = TRANSPORTS[transport];
  const options = `transport=${transport},traddr=${address},trsvcid=${service},nqn=${name}`;
  await Deno.writeTextFile("/dev/nvme-fabrics", options, { create: false });
  const find = () => namespaces().find((device) => !before.has(device));
  await waitFor(() => find() !== undefined, READY_TIMEOUT_MS, `the namespace of ${name}`);
  return `/dev/${find()!}`;
}
