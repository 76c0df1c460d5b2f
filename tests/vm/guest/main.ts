/**
 * The guest's program: `main.ts INPUT.json` runs the cases that the input names, one after the
 * other, and sends a record at the start and at the end of each.
 */
import { findCase } from "../cases/table.ts";
import { findOverload } from "./kernel_log.ts";
import { setUpRamDisks } from "./media.ts";
import { setUpRdma } from "./network.ts";
import { PeerPool } from "./peer_pool.ts";
import type { GuestJob, GuestRecord } from "./records.ts";
import { RecordsPort } from "./records_port.ts";
import { caseTimeoutMs, runCase } from "./run_case.ts";

async function main(): Promise<void> {
  const job = JSON.parse(await Deno.readTextFile(Deno.args[0]!)) as GuestJob;
  const port = new RecordsPort<GuestRecord>();
  await setUpRdma();
  await setUpRamDisks();
  const pool = new PeerPool(job.combination, job.builtModules);
  for (const name of job.cases) {
    const guestCase = findCase(name);
    const begin = { kind: "begin", name, timeoutMs: caseTimeoutMs(guestCase) } as const;
    port.write(begin);
    let end = await runCase(guestCase, job, pool);
    const excuse = end.result === "failed" ? findOverload(end.kernelLog) : undefined;
    if (excuse !== undefined && !end.isSpoiled) {
      port.write(begin);
      end = { ...await runCase(guestCase, job, pool), secondTryFor: excuse };
    }
    port.write(end);
    // The host boots anew for the rest.
    if (end.isSpoiled) break;
  }
  await pool.stop();
  port.close();
}

await main();
