/** What a verb that destroys data says when nobody agreed to it. */
import { roundedSize } from "../appliance/config/units.ts";
import type { VerbArguments } from "./arguments.ts";
import type { ControlClient } from "./control_client.ts";

/**
 * Refuses with the name of the device that would be overwritten.
 * @param bytes how much of it; 0: all
 * @throws UsageError, or ApplianceError when there is no such mapping
 */
export async function refuseOverwriting(
  args: VerbArguments,
  client: ControlClient,
  bytes: number,
): Promise<never> {
  const name = args.positional(0);
  const { mappings } = await client.status();
  const mapping = mappings.find((candidate) => candidate.name === name);
  if (mapping === undefined) return args.refuse(`There is no mapping "${name}"; see status`);
  const { device_path, sessname, size_bytes } = mapping;
  const size = size_bytes === 0 ? "unknown size" : roundedSize(size_bytes);
  const part = bytes === 0 ? "all data" : `the first ${roundedSize(bytes)}`;
  return args.refuse(
    `${args.verb.name} would overwrite ${part} of ${device_path} (session ${sessname}, ${size}); ` +
      "agree with --destroy-data",
  );
}
