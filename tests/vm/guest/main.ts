/**
 * The guest's program: `main.ts INPUT.json` runs the cases that the input names, one after the
 * other, and sends a record at the start and at the end of each.
 */
import { findCase } from "../cases/table.ts";
import { RECORDS_PORT } from "../machine/qemu.ts";
import { setUpRamDisks } from "./media.ts";
import { setUpRdma } from "./network.ts";
import { PeerPool } from "./peer_pool.ts";
import type { GuestJob, GuestRecord } from "./records.ts";
import { caseTimeoutMs, runCase } from "./run_case.ts";

/** Opens the port that leads to the host. */
function openRecordsPort(): Deno.FsFile {
  const folder = "/sys/class/virtio-ports";
  for (const { name } of Deno.readDirSync(folder)) {
    if (Deno.readTextFileSync(`${folder}/${name}/name`).trim() === RECORDS_PORT) {
      return Deno.openSync(`/dev/${name}`, { write: true });
    }
  }
  throw new Error(`No port called ${RECORDS_PORT} below ${folder}`);
}

function writeRecord(port: Deno.FsFile, record: GuestRecord): void {
  const bytes = new TextEncoder().encode(JSON.stringify(record) + "\n");
  for (let at = 0; at < bytes.length;) at += port.writeSync(bytes.subarray(at));
}

async function main(): Promise<void> {
  const job = JSON.parse(await Deno.readTextFile(Deno.args[0]!)) as GuestJob;
  const port = openRecordsPort();
  await setUpRdma();
  await setUpRamDisks();
  const pool = new PeerPool(job.combination, job.builtModules);
  for (const name of job.cases) {
    const guestCase = findCase(name);
    writeRecord(port, { kind: "begin", name, timeoutMs: caseTimeoutMs(guestCase) });
    const end = await runCase(guestCase, job, pool);
    writeRecord(port, end);
    // The host boots anew for the rest.
    if (end.isSpoiled) break;
  }
  await pool.stop();
  port.close();
}

await main();
