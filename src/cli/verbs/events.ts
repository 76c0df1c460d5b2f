/** `events` */
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { followEvents } from "../follow_events.ts";
import { readOutput } from "../output/options.ts";

/** Follows what happens. */
export const events: VerbRunner = async (args, { terminal }) => {
  const options = readOutput(args, terminal);
  const after = args.integer("after", 0, Number.MAX_SAFE_INTEGER);
  const count = args.integer("count", 1, Number.MAX_SAFE_INTEGER);
  return await followEvents(await connect(args), terminal, options, { after, count });
};
