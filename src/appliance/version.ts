/** The version of the program. */
import deno from "../../deno.json" with { type: "json" };

/** As deno.json has it. */
export const VERSION: string = deno.version;
