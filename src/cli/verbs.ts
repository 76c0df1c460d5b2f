/**
 * Every verb and option of the command line, in one table: parser, help, man page and completions
 * come from it.
 */
import type { VerbSpec } from "./grammar/spec.ts";
import { CHANGE_VERBS } from "./grammar/verbs_change.ts";
import { CONFIG_VERBS } from "./grammar/verbs_config.ts";
import { PROGRAM_VERBS, RUN_VERB } from "./grammar/verbs_program.ts";
import { SHOW_VERBS } from "./grammar/verbs_show.ts";

/** The verbs of one kind, under the heading that help gives them. */
export interface VerbGroup {
  readonly title: string;
  readonly verbs: readonly VerbSpec[];
}

/** The table. */
export const VERB_GROUPS: readonly VerbGroup[] = [
  { title: "run and declare", verbs: [RUN_VERB, ...CONFIG_VERBS] },
  { title: "look", verbs: SHOW_VERBS },
  { title: "change now", verbs: CHANGE_VERBS },
  { title: "measure and more", verbs: PROGRAM_VERBS },
];

/** All verbs. */
export const VERBS: readonly VerbSpec[] = VERB_GROUPS.flatMap(({ verbs }) => verbs);

/** Those that help and completions show. */
export const SHOWN_VERBS: readonly VerbSpec[] = VERBS.filter(({ isHidden }) => isHidden !== true);
