/** `unmap` */
import { ApplianceError } from "../../appliance/appliance_api.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import type { ControlClient } from "../control_client.ts";
import { EXIT } from "../exit_codes.ts";
import { aboutMapping } from "../live_names.ts";
import { printable } from "../output/printable.ts";
import { printer, recordSet } from "../output/result.ts";
import { Progress, sleep } from "../progress.ts";
import type { Terminal } from "../terminal.ts";
import { DEFAULT_TIMEOUT_MS } from "../waiting.ts";

const RETRY_MS = 500;

/** Ends a mapping. */
export const unmap: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const timeoutMs = args.durationMs("timeout");
  if (timeoutMs !== undefined && !args.flag("wait")) {
    args.refuse("--timeout says nothing without --wait; give both or neither");
  }
  const client = await connect(args);
  const force = args.flag("force");
  const name = await aboutMapping(client, args.positional(0), async (name) => {
    if (!args.flag("wait")) await client.unmap(name, force);
    else await unmapLater(client, name, force, terminal, timeoutMs ?? DEFAULT_TIMEOUT_MS);
    return name;
  });
  const record = { name, result: "unmapped" };
  print({
    data: record,
    root: "rnbd",
    sets: [recordSet("unmapped", "UNMAPPED", ["name", "result"], [record])],
    lines: () => [`${printable(name)}: unmapped`],
  });
  return EXIT.OK;
};

/** Tries until nobody uses it any more. @throws ApplianceError of the last try */
async function unmapLater(
  client: ControlClient,
  name: string,
  force: boolean,
  terminal: Terminal,
  timeoutMs: number,
): Promise<void> {
  using progress = new Progress(terminal);
  for (const deadline = performance.now() + timeoutMs;;) {
    try {
      return await client.unmap(name, force);
    } catch (error) {
      const isBusy = error instanceof ApplianceError && error.errnoName === "EBUSY";
      if (!isBusy || performance.now() >= deadline) throw error;
      progress.say(`waiting: ${error.message}`);
    }
    await sleep(Math.min(RETRY_MS, Math.max(0, deadline - performance.now())));
  }
}
