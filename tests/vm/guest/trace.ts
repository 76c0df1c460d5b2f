/** Counts what reaches a block device, by the kernel's own trace points. */
import { tryRun } from "../../support/process.ts";

const TRACING = "/sys/kernel/tracing";

/** Requests issued to a device while it was watched. */
export interface IssuedRequests {
  readonly writes: number;
  /** Writes that carry FUA. */
  readonly fuaWrites: number;
  readonly flushes: number;
  readonly discards: number;
}

/**
 * Watches a device that goes through the request layer (not a RAM disk) while `work` runs.
 * @param path such as `/dev/sda`
 */
export async function watchRequests(
  path: string,
  work: () => Promise<void>,
): Promise<IssuedRequests> {
  await tryRun("mount", ["-t", "tracefs", "tracefs", TRACING]);
  const enable = `${TRACING}/events/block/block_rq_issue/enable`;
  const name = (await Deno.realPath(path)).slice("/dev/".length);
  const device = Deno.readTextFileSync(`/sys/block/${name}/dev`).trim().replace(":", ",");
  await Deno.writeTextFile(`${TRACING}/buffer_size_kb`, "4096");
  await Deno.writeTextFile(`${TRACING}/trace`, "");
  await Deno.writeTextFile(enable, "1");
  try {
    await work();
  } finally {
    await Deno.writeTextFile(enable, "0");
  }
  const counts = { writes: 0, fuaWrites: 0, flushes: 0, discards: 0 };
  const line = new RegExp(`block_rq_issue: ${device} (\\w+) `);
  for (const text of (await Deno.readTextFile(`${TRACING}/trace`)).split("\n")) {
    const kind = line.exec(text)?.[1];
    if (kind === undefined) continue;
    // F before the letter of the operation: flush first; after it: FUA.
    if (/^F?W/.test(kind)) counts.writes++;
    if (/^F?WF/.test(kind)) counts.fuaWrites++;
    if (/^F/.test(kind)) counts.flushes++;
    if (/^D/.test(kind)) counts.discards++;
  }
  return counts;
}
