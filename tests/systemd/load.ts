/** Writers in the guest, and whether what they were told is synced has arrived. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { readExt4File, replayJournal } from "./machine/ext4_image.ts";
import { SHARED_FOLDER, WRITER_PORTS } from "./machine/root_files.ts";
import type { SystemGuest } from "./machine/system_guest.ts";
import { waitFor } from "../support/process.ts";

const PROGRAM = fileURLToPath(new URL("guest/writer.pl", import.meta.url));
const RECORD_BYTES = 4096;
const RECORD_LINE_BYTES = 64;
const PROCESSES = 2;
/** So many are synced before anything is done to the machine. */
const RECORDS_AT_LEAST = 5;
const STARTED_TIMEOUT_MS = 120_000;

/** How each writer runs: as a service that names its folder, and like somebody's session. */
const WRITERS = [
  { prefix: "service", options: (folder: string) => `-p RequiresMountsFor=${folder}` },
  { prefix: "session", options: () => "--slice=user-1000.slice" },
] as const;

/** What runs on a guest since {@link startLoad}. */
export interface Load {
  readonly guest: SystemGuest;
  /** How much each writer of this boot had told before. */
  readonly begins: readonly number[];
}

/** Starts the writers on an empty part of `folder` and waits until each has synced something. */
export async function startLoad(
  guest: SystemGuest,
  sharedFolder: string,
  folder: string,
): Promise<Load> {
  await Deno.copyFile(PROGRAM, `${sharedFolder}/writer.pl`);
  const begins = await Promise.all(WRITERS.map(async (_, index) => {
    return (await guest.acknowledged(index)).length;
  }));
  const load: Load = { guest, begins };
  const starts = WRITERS.map(({ prefix, options }, index) =>
    `systemd-run --quiet --collect --unit=writer-${prefix} ${options(folder)} ` +
    `perl ${SHARED_FOLDER}/writer.pl ${folder} ${prefix} /dev/virtio-ports/${WRITER_PORTS[index]}`
  );
  const removals = WRITERS.map(({ prefix }) => `rm -f ${folder}/${prefix}-*`);
  await guest.sh(["set -e", ...removals, ...starts].join("\n"));
  const isWriting = async () => {
    const counts = (await toldBy(load)).flatMap((told) => lastNumbers(told).counts);
    return counts.every((count) => count >= RECORDS_AT_LEAST);
  };
  await waitFor(isWriting, STARTED_TIMEOUT_MS, "all writers to sync");
  return load;
}

/** Stops the writers and waits until they are gone. */
export const stopLoad = async (guest: SystemGuest): Promise<void> => {
  await guest.sh(`systemctl stop ${WRITERS.map(({ prefix }) => `writer-${prefix}`).join(" ")}`);
};

/** Whether both writers still run: they end at the first error. */
export const writersRun = async (guest: SystemGuest): Promise<boolean> => {
  const units = WRITERS.map(({ prefix }) => `writer-${prefix}`).join(" ");
  return (await guest.try(`systemctl is-active ${units}`)).code === 0;
};

/** Per process of a writer, how many records it told of, and the highest number. */
function lastNumbers(told: string): { counts: number[]; last: number[] } {
  const counts = Array.from({ length: PROCESSES }, () => 0);
  const last = Array.from({ length: PROCESSES }, () => -1);
  // The end of the last line may be missing.
  for (const line of told.split("\n").slice(0, -1)) {
    const [process, number] = line.split(" ").map(Number);
    counts[process!]!++;
    last[process!] = Math.max(last[process!]!, number!);
  }
  return { counts, last };
}

/** What {@link checkLoad} found. */
export interface LoadResult {
  /** Records that were told to be synced. */
  readonly acknowledged: number;
  /** One line for each that is not there, or not as it was written. */
  readonly lost: readonly string[];
}

/** What each writer has told. */
export const toldBy = ({ guest, begins }: Load): Promise<string[]> =>
  Promise.all(
    begins.map(async (begin, index) => (await guest.acknowledged(index)).slice(begin)),
  );

/** Looks for everything that was told to be synced, in the image as it is. */
export async function checkLoad(told: readonly string[], image: string): Promise<LoadResult> {
  const lost: string[] = [];
  let acknowledged = 0;
  for (const [index, { prefix }] of WRITERS.entries()) {
    const { counts, last } = lastNumbers(told[index]!);
    for (let process = 0; process < PROCESSES; process++) {
      acknowledged += counts[process]!;
      const bytes = await readExt4File(image, `/${prefix}-${process}`);
      for (let number = 0; number <= last[process]!; number++) {
        const at = number * RECORD_BYTES;
        const found = new TextDecoder().decode(bytes.subarray(at, at + RECORD_BYTES));
        if (found !== recordText(prefix, process, number)) {
          lost.push(`${prefix}-${process}: record ${number} of ${last[process]} is not there`);
        }
      }
    }
  }
  return { acknowledged, lost };
}

/**
 * Looks for it in a copy of `image` whose journal is replayed, as the next mount would do.
 * @returns how many records there are
 * @throws when one is lost
 */
export async function checkReplayedLoad(load: Load, image: string): Promise<number> {
  const copy = `${image}-replayed`;
  await Deno.copyFile(image, copy);
  await replayJournal(copy);
  const { acknowledged, lost } = await checkLoad(await toldBy(load), copy);
  await Deno.remove(copy);
  assert.deepEqual(lost, []);
  return acknowledged;
}

/** One record, as `guest/writer.pl` writes it. */
export const recordText = (prefix: string, process: number, number: number): string =>
  `${`${prefix} ${process} ${number}`.padEnd(RECORD_LINE_BYTES - 1)}\n`
    .repeat(RECORD_BYTES / RECORD_LINE_BYTES);
