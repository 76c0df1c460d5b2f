/** What sysfs tells of a block device (Documentation/ABI/stable/sysfs-block). */
import { join } from "node:path/posix";
import { isSystemFile, readSystemLink, readSystemText } from "../../ffi/system_files.ts";

/** Links to every block device, by `major:minor`. */
const DEVICES = "/sys/dev/block";

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

function readAttribute(path: string): string {
  try {
    return readSystemText(path).trim();
  } catch {
    // An attribute that this kernel or device does not have means that the feature is not there.
    return "";
  }
}

/**
 * Reads the features of a block device; undefined when sysfs does not know it.
 * @param device `major:minor`; of a partition, the queue is its disk's
 */
export function readBlockFeatures(device: string): BlockFeatures | undefined {
  const link = `${DEVICES}/${device}`;
  if (!isSystemFile(link)) return undefined;
  const node = join(DEVICES, readSystemLink(link));
  const disk = isSystemFile(`${node}/queue`) ? node : node.slice(0, node.lastIndexOf("/"));
  const text = (name: string) => readAttribute(`${disk}/queue/${name}`);
  const number = (path: string) => Number(readAttribute(path)) || 0;
  return {
    rotational: text("rotational") === "1",
    writeCache: text("write_cache") === "write back",
    readOnly: readAttribute(`${node}/ro`) === "1",
    discardBytesMax: number(`${disk}/queue/discard_max_bytes`),
    discardGranularityBytes: number(`${disk}/queue/discard_granularity`),
    discardAlignmentBytes: number(`${node}/discard_alignment`),
    writeZeroesBytesMax: number(`${disk}/queue/write_zeroes_max_bytes`),
  };
}
