/** What a failed command line says, and what it exits with. */
import { ApplianceError } from "../appliance/appliance_api.ts";
import { ConfigError } from "../appliance/config/problems.ts";
import { EXIT } from "./exit_codes.ts";
import { printable, printableLines } from "./output/printable.ts";
import { PROGRAM } from "./program_name.ts";
import { UsageError } from "./usage_error.ts";

/** See the head of this file. */
export interface Failure {
  /** For people, without the name of the program; safe for a terminal. */
  readonly text: string;
  /** It begins with a file, line and column, as compilers have it. */
  readonly isAboutFiles: boolean;
  readonly exitCode: number;
}

/** What to tell of an error, whatever it is. */
export function failureOf(error: unknown): Failure {
  if (error instanceof UsageError) {
    const help = error.verb === undefined ? "help" : `help ${error.verb}`;
    const text = `${printable(error.message)}\nSee: ${PROGRAM} ${help}`;
    return { text, isAboutFiles: false, exitCode: EXIT.USAGE };
  }
  if (error instanceof ConfigError || error instanceof ApplianceError) {
    const { exitCode } = error;
    // Errors of config files come one a line, which begins with the file.
    const isAboutFiles = error instanceof ConfigError || exitCode === EXIT.CONFIG;
    return { text: printableLines(error.message), isAboutFiles, exitCode };
  }
  const text = printable(error instanceof Error ? error.message : String(error));
  return { text, isAboutFiles: false, exitCode: EXIT.FAILED };
}
