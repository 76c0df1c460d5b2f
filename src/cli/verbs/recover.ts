/** `recover` */
import type { VerbArguments } from "../arguments.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import type { ControlClient } from "../control_client.ts";
import { EXIT } from "../exit_codes.ts";
import { hinted } from "../live_names.ts";
import { counted } from "../output/cell_text.ts";
import { printable } from "../output/printable.ts";
import { printer, recordSet } from "../output/result.ts";

/** Stands for everything. */
const ALL = "all";

/** What "all" stands for: nothing is everything, but a kind of thing may have been named. */
async function allNames(args: VerbArguments, client: ControlClient): Promise<readonly string[]> {
  const { thing } = args.scope;
  if (thing === undefined) return [];
  const { mappings, sessions } = await client.status();
  return thing === "device"
    ? mappings.map(({ name }) => name)
    : sessions.map(({ sessname }) => sessname);
}

/** Tries now what is closed or disconnected. */
export const recover: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const written = args.positionalsFrom(0);
  const isAll = written.includes(ALL);
  if (isAll && written.length > 1) args.refuse(`"${ALL}" says it all; give it alone, or names`);
  const client = await connect(args);
  const names = isAll ? await allNames(args, client) : written;
  const targets = args.verb.targets!;
  const result = await hinted(client, names, targets, () => client.recover({ names }));
  const tried = [
    ...result.mappings.map((name) => ({ kind: "mapping", name })),
    ...result.paths.map((name) => ({ kind: "path", name })),
  ];
  print({
    data: result,
    root: "rnbd",
    sets: [recordSet("recovered", "RECOVERED", ["kind", "name"], tried)],
    lines: () =>
      tried.length === 0 ? ["nothing to recover"] : [
        ...tried.map(({ kind, name }) => `${kind} ${printable(name)}: being tried`),
        `${counted(tried.length, "thing")} being tried; status tells how it goes`,
      ],
  });
  return EXIT.OK;
};
