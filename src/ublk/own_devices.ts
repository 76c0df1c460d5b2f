/** Which block devices of this machine are a node's own, left by a process that is gone. */
import { isSameTag, type OwnershipTag } from "./ownership_tag.ts";

/** What the kernel says of a device, as far as it matters here. */
export interface TaggedDevice {
  readonly id: number;
  readonly tag: OwnershipTag;
}

/** A device and the mapping that it was made for. */
export interface OwnDevice {
  readonly id: number;
  readonly name: string;
}

/**
 * Devices of this node that nobody serves. Only the tag in the kernel decides, and it is a hash:
 * what was made for a name that is not known cannot be told from another node's, and is not ours.
 * @param tags of this node's mappings, by name
 * @param isServed some living process has it
 */
export function leftoverDevices<Device extends TaggedDevice>(
  devices: readonly Device[],
  tags: Iterable<readonly [string, OwnershipTag]>,
  isServed: (device: Device) => boolean,
): OwnDevice[] {
  const candidates = devices.filter((device) => !isServed(device));
  if (candidates.length === 0) return [];
  return [...tags].flatMap(([name, tag]) => {
    return candidates.filter((device) => isSameTag(device.tag, tag))
      .map(({ id }) => ({ id, name }));
  });
}
