/** The rows of a status: what can be listed. */
import type { Status } from "../appliance/appliance_api.ts";
import { type RowKind, type RowSet, rowSet } from "./columns/column.ts";
import { EXPORT_RULES, EXPORTS, exportSources, MAPPINGS, REFUSALS } from "./columns/devices.ts";
import { CLIENT_PATHS, CLIENTS, PATHS, pathSources, SESSIONS } from "./columns/sessions.ts";
import type { Mode, Target, Thing } from "./grammar/spec.ts";
import { targetName } from "./grammar/words.ts";
import type { Scope } from "./sentence.ts";

/** Makes the rows of one kind of thing. */
const ROWS: Readonly<Record<Mode, Readonly<Record<Thing, (status: Status) => RowSet>>>> = {
  client: {
    device: ({ node, mappings }) =>
      rowSet(MAPPINGS, mappings.map((mapping) => ({ node, mapping }))),
    session: ({ node, sessions }) =>
      rowSet(SESSIONS, sessions.map((session) => ({ node, session }))),
    path: ({ node, sessions }) => rowSet(PATHS, pathSources(node, sessions, "import")),
  },
  server: {
    device: ({ node, exports }) => rowSet(EXPORTS, exportSources(node, exports), exports),
    session: ({ node, clients }) => rowSet(CLIENTS, clients.map((session) => ({ node, session }))),
    path: ({ node, clients }) => rowSet(CLIENT_PATHS, pathSources(node, clients, "export")),
  },
};

/** The rows of one kind of thing. */
export function rowsOf({ mode, thing }: Target, status: Status): RowSet {
  return ROWS[mode][thing](status);
}

/** What no verb is about: rules about exports, and clients that were turned away. */
export function otherRows(status: Status): RowSet[] {
  return [rowSet(EXPORT_RULES, status.export_rules), rowSet(REFUSALS, status.refusals)];
}

/** A table that can be listed, for help and completions. */
export interface ListedTable {
  /** What command lines call it. */
  readonly name: string;
  readonly target: Target;
  readonly columns: RowKind<never>["columns"];
  readonly usual: readonly string[];
}

const listed = (mode: Mode, thing: Thing, kind: Pick<ListedTable, "columns" | "usual">) => ({
  name: targetName({ mode, thing }),
  target: { mode, thing },
  columns: kind.columns,
  usual: kind.usual,
});

/** All tables. */
export const LISTED_TABLES: readonly ListedTable[] = [
  listed("client", "device", MAPPINGS),
  listed("client", "session", SESSIONS),
  listed("client", "path", PATHS),
  listed("server", "device", EXPORTS),
  listed("server", "session", CLIENTS),
  listed("server", "path", CLIENT_PATHS),
];

/** The tables of the things that a command line means. */
export function tablesIn(scope: Scope): readonly ListedTable[] {
  return LISTED_TABLES.filter(({ target }) => targetsIn(scope, [target]).length > 0);
}

/** The targets that a command line means: those of the verb on the side and thing it names. */
export function targetsIn(scope: Scope, targets: readonly Target[]): Target[] {
  return targets.filter(({ mode, thing }) =>
    (scope.mode === undefined || scope.mode === mode) &&
    (scope.thing === undefined || scope.thing === thing)
  );
}
