/** What sysfs tells of a block device (Documentation/ABI/stable/sysfs-block). */

/** Limits of a device's request queue. */
export interface BlockFeatures {
  readonly rotational: boolean;
  /** A volatile write cache. */
  readonly writeCache: boolean;
  readonly readOnly: boolean;
  /** 0 = not supported. */
  readonly discardBytesMax: number;
  readonly discardGranularityBytes: number;
  readonly discardAlignmentBytes: number;
  readonly writeZeroesBytesMax: number;
}

async function readAttribute(path: string): Promise<string> {
  try {
    return (await Deno.readTextFile(path)).trim();
  } catch {
    // An attribute that this kernel or device does not have means that the feature is not there.
    return "";
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * Reads the features of a block device; undefined when sysfs does not know it.
 * @param device `major:minor`; of a partition, the queue is its disk's
 */
export async function readBlockFeatures(device: string): Promise<BlockFeatures | undefined> {
  const link = `/sys/dev/block/${device}`;
  if (!await exists(link)) return undefined;
  const node = await Deno.realPath(link);
  const disk = await exists(`${node}/queue`) ? node : node.slice(0, node.lastIndexOf("/"));
  const text = (name: string) => readAttribute(`${disk}/queue/${name}`);
  const number = async (path: string) => Number(await readAttribute(path)) || 0;
  return {
    rotational: await text("rotational") === "1",
    writeCache: await text("write_cache") === "write back",
    readOnly: await readAttribute(`${node}/ro`) === "1",
    discardBytesMax: await number(`${disk}/queue/discard_max_bytes`),
    discardGranularityBytes: await number(`${disk}/queue/discard_granularity`),
    discardAlignmentBytes: await number(`${node}/discard_alignment`),
    writeZeroesBytesMax: await number(`${disk}/queue/write_zeroes_max_bytes`),
  };
}
