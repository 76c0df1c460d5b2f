/** Our program as a client whose config has the mappings: they stay when they cannot be opened. */
import { Appliance } from "../../support/appliance.ts";
import { RDMA_ADDRESS } from "./network.ts";

/** A session with one mapping; both get this name, and the device path is `disk`. */
export interface ConfiguredSession {
  readonly name: string;
  /** Of the server. */
  readonly port: number;
  /** Further lines of `[[session]]`. */
  readonly lines?: readonly string[];
}

/** An emulated processor is 10 to 20 times slower. */
const PATIENCE = 6;

let folders = 0;

const describe = ({ name, port, lines = [] }: ConfiguredSession): string =>
  [
    "[[session]]",
    `sessname = "${name}"`,
    `paths = ["ip:${RDMA_ADDRESS}"]`,
    `dest_port = ${port}`,
    ...lines,
    "[[mapping]]",
    `name = "${name}"`,
    `sessname = "${name}"`,
    'device_path = "disk"',
    // No user is needed, and NBD leaves no block device behind.
    'expose = "nbd"',
    "",
  ].join("\n");

/** Starts it; every mapping has been tried once then. */
export async function startMappings(sessions: readonly ConfiguredSession[]): Promise<Appliance> {
  const directory = `/run/rnbd-test/mappings-${++folders}`;
  await Deno.mkdir(directory, { recursive: true });
  const node = `[node]\nname = "mappings"\nruntime_dir = "${directory}/run"\nreactors = 1\n`;
  const config = [node, ...sessions.map(describe)].join("\n");
  return await Appliance.start({ config, directory, name: "mappings", patience: PATIENCE });
}
