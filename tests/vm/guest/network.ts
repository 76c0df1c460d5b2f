/** Soft-RoCE on a pair of virtual interfaces, once per boot. */
import { run, waitFor } from "../../support/process.ts";

/** IPv4 address of the RDMA device. */
export const RDMA_ADDRESS = "10.9.0.1";

/** Another one of the same device. */
export const RDMA_ADDRESS_2 = "10.9.0.2";

/** IPv6 address of the same device. */
export const RDMA_ADDRESS_V6 = "fd09::1";

/** Name of the RDMA device. */
export const RDMA_DEVICE = "rxe0";

const GID_TIMEOUT_MS = 20_000;

/** Loads soft-RoCE and gives it an interface with addresses. */
export async function setUpRdma(): Promise<void> {
  for (const module of ["rdma_rxe", "ib_uverbs", "rdma_ucm"]) await run("modprobe", [module]);
  const ip = (...args: string[]) => run("ip", args);
  await ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1");
  for (const address of [RDMA_ADDRESS, RDMA_ADDRESS_2]) {
    await ip("addr", "add", `${address}/24`, "dev", "veth0");
  }
  await ip("addr", "add", `${RDMA_ADDRESS_V6}/64`, "dev", "veth0", "nodad");
  await ip("link", "set", "veth0", "up");
  await ip("link", "set", "veth1", "up");
  await run("rdma", ["link", "add", RDMA_DEVICE, "type", "rxe", "netdev", "veth0"]);
  // The address becomes usable when its GID is there.
  const mapped = "0000:0000:0000:0000:0000:ffff:0a09:0002";
  const hasGid = () => {
    const folder = `/sys/class/infiniband/${RDMA_DEVICE}/ports/1/gids`;
    return [...Deno.readDirSync(folder)]
      .some(({ name }) => Deno.readTextFileSync(`${folder}/${name}`).trim() === mapped);
  };
  await waitFor(hasGid, GID_TIMEOUT_MS, `${RDMA_ADDRESS} to be a GID of ${RDMA_DEVICE}`);
}
