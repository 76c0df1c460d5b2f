/** `remap` */
import type { MappingStatus } from "../../appliance/appliance_api.ts";
import type { VerbArguments } from "../arguments.ts";
import { mappingResult, mappingsResult } from "../common_results.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import type { ControlClient } from "../control_client.ts";
import { EXIT } from "../exit_codes.ts";
import { aboutMapping } from "../live_names.ts";
import { findAll, findOne } from "../lookup.ts";
import { printer } from "../output/result.ts";
import { whileWaiting } from "../progress.ts";
import { atClient } from "../grammar/words.ts";

/** Opens a mapping's device at the server anew, or all of a session. */
export const remap: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const client = await connect(args);
  const written = args.positional(0);
  const force = args.flag("force");
  const names = await sessionMappings(args, client, written, force);
  const result = await whileWaiting(terminal, `remapping ${written}`, async () => {
    if (names === undefined) {
      const call = (name: string) => client.remap({ name, force });
      return mappingResult(await aboutMapping(client, written, call));
    }
    const mappings: MappingStatus[] = [];
    for (const name of names) mappings.push(await client.remap({ name, force }));
    return mappingsResult(mappings);
  });
  print(result);
  return EXIT.OK;
};

/** The mappings of a session; undefined when `name` is no session, or also a mapping. */
async function sessionMappings(
  args: VerbArguments,
  client: ControlClient,
  name: string,
  force: boolean,
): Promise<readonly string[] | undefined> {
  if (args.scope.thing === "device") return undefined;
  const status = await client.status();
  if (args.scope.thing === "session") findOne(args, name, status);
  else if (status.mappings.some((mapping) => mapping.name === name)) return undefined;
  if (findAll(name, status, atClient("session")).length === 0) return undefined;
  return status.mappings
    .filter(({ sessname, state }) => sessname === name && (force || state === "closed"))
    .map((mapping) => mapping.name);
}
