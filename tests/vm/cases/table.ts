/** Every case that runs in a guest. */
import type { GuestCase } from "../guest/case.ts";
import type { Combination } from "../guest/peers.ts";
import { BATCHING_CASES } from "./batching.ts";
import { DATA_CASES } from "./data.ts";
import { DECLARED_CASES } from "./declared.ts";
import { FAULT_CASES } from "./faults.ts";
import { GARBAGE_CASES } from "./garbage.ts";
import { LIFE_CYCLE_CASES } from "./life_cycle.ts";
import { MAPPING_CASES } from "./mapping.ts";
import { MULTIPATH_CASES } from "./multipath.ts";
import { REFUSAL_CASES } from "./refusals.ts";
import { REFUSED_MAPPING_CASES } from "./refused_mappings.ts";
import { SERVER_OPTION_CASES } from "./server_options.ts";
import { WRONG_SERVER_CASES } from "./wrong_servers.ts";

/** All of them, in the order they run in. */
export const CASES: readonly GuestCase[] = [
  ...MAPPING_CASES,
  ...DATA_CASES,
  ...LIFE_CYCLE_CASES,
  ...FAULT_CASES,
  ...MULTIPATH_CASES,
  ...REFUSAL_CASES,
  ...REFUSED_MAPPING_CASES,
  ...WRONG_SERVER_CASES,
  // Last: each costs another server.
  ...DECLARED_CASES,
  ...SERVER_OPTION_CASES,
  ...BATCHING_CASES,
  ...GARBAGE_CASES,
];

/** The case of this name. @throws when there is none */
export function findCase(name: string): GuestCase {
  const found = CASES.find((guestCase) => guestCase.name === name);
  if (found === undefined) throw new Error(`No case is called "${name}"`);
  return found;
}

/** Who is tried against whom; what takes longest first, so that guests end at about the same time. */
export const COMBINATIONS: readonly Combination[] = [
  { client: "ours", server: "ours", carrier: "ip" },
  { client: "kernel", server: "ours", carrier: "ip" },
  { client: "ours", server: "kernel", carrier: "ip" },
  { client: "ours", server: "ours", carrier: "tcp" },
  { client: "kernel", server: "kernel", carrier: "ip" },
];

const TRIED_EVERYWHERE = [
  "maps read-write and both sides see the same data",
  "fio crc32c is clean at every block size and depth, and notices a planted error",
  "ext4: mkfs, work, umount, e2fsck on both sides",
  "forced unmap ends a device under load",
  "rounds of map and unmap give everything back",
];

/**
 * The code above the carrier is the same, and the other steps of the test command try TCP: without
 * `full`, only what has block devices in it.
 */
const TCP_CHOICE: ReadonlySet<string> = new Set([
  ...TRIED_EVERYWHERE,
  "maps read-only and refuses writes",
  "two devices in one session",
  "unmap of a device in use is refused with EBUSY",
  "the server goes under load and comes back: the client resumes",
  "the client ends in order under a mounted file system: the next client goes on",
]);

/** What the kernel does with itself, our code does not change: these show that the cases are right. */
const REFERENCE_CHOICE: ReadonlySet<string> = new Set([
  ...TRIED_EVERYWHERE,
  ...[...REFUSAL_CASES, ...REFUSED_MAPPING_CASES].map(({ name }) => name),
]);

function isLong(guestCase: GuestCase, combination: Combination): boolean {
  const { client, server, carrier } = combination;
  if (carrier === "tcp") return !TCP_CHOICE.has(guestCase.name);
  if (client === "kernel" && server === "kernel") return !REFERENCE_CHOICE.has(guestCase.name);
  return guestCase.isLong?.(combination) ?? false;
}

/** Cases that apply to a combination; the long ones only when `full` is set. */
export const casesFor = (combination: Combination, full: boolean): readonly GuestCase[] =>
  CASES.filter((guestCase) =>
    (guestCase.appliesTo?.(combination) ?? true) && (full || !isLong(guestCase, combination))
  );
