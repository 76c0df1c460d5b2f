/** The doctor: what a machine can do, and how to get what it lacks. */
import { checkBase } from "./base_checks.ts";
import { type Finding, type Way, WAYS } from "./finding.ts";
import { checkIoUring } from "./io_uring_checks.ts";
import { checkKernelRnbd } from "./kernel_rnbd_checks.ts";
import { checkLimits } from "./limit_checks.ts";
import type { Machine } from "./machine.ts";
import { checkNbd } from "./nbd_checks.ts";
import { checkRdma } from "./rdma_checks.ts";
import { checkUblk } from "./ublk_checks.ts";

/** What was found. */
export interface Examination {
  /** Whether devices can be carried and exposed in each way. */
  readonly ways: Readonly<Record<Way, boolean>>;
  readonly findings: readonly Finding[];
}

/** Looks at everything. Changes nothing on the machine. */
export async function examine(machine: Machine): Promise<Examination> {
  const findings = [
    ...checkBase(machine),
    ...checkIoUring(machine),
    ...checkLimits(machine),
    ...checkRdma(machine),
    ...await checkUblk(machine),
    ...checkNbd(machine),
    ...checkKernelRnbd(machine),
  ];
  const works = (way: Way) => !findings.some(({ needed_for }) => needed_for.includes(way));
  return {
    ways: Object.fromEntries(WAYS.map((way) => [way, works(way)])) as Record<Way, boolean>,
    findings,
  };
}
