/** Every case that runs in a guest. */
import type { GuestCase } from "../guest/case.ts";
import type { Combination } from "../guest/peers.ts";
import { DATA_CASES } from "./data.ts";
import { FAULT_CASES } from "./faults.ts";
import { LIFE_CYCLE_CASES } from "./life_cycle.ts";
import { MAPPING_CASES } from "./mapping.ts";
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
  ...REFUSAL_CASES,
  ...REFUSED_MAPPING_CASES,
  ...WRONG_SERVER_CASES,
  // Last: each costs another server.
  ...SERVER_OPTION_CASES,
];

/** The case of this name. @throws when there is none */
export function findCase(name: string): GuestCase {
  const found = CASES.find((guestCase) => guestCase.name === name);
  if (found === undefined) throw new Error(`No case is called "${name}"`);
  return found;
}

/** Who is tried against whom. */
export const COMBINATIONS: readonly Combination[] = [
  { client: "kernel", server: "kernel", carrier: "ip" },
  { client: "kernel", server: "ours", carrier: "ip" },
  { client: "ours", server: "kernel", carrier: "ip" },
  { client: "ours", server: "ours", carrier: "ip" },
  { client: "ours", server: "ours", carrier: "tcp" },
];

/** Cases that apply to a combination; the long ones only when `full` is set. */
export const casesFor = (combination: Combination, full: boolean): readonly GuestCase[] =>
  CASES.filter((guestCase) =>
    (guestCase.appliesTo?.(combination) ?? true) &&
    (full || guestCase.isLong?.(combination) !== true)
  );
