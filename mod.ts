/**
 * rnbd-appliance: RDMA network block devices (RNBD) in user space. This module is both the
 * library's public face and the program.
 *
 *     deno run -A mod.ts --config FILE
 */
import { main } from "./src/cli/main.ts";

export * from "./src/appliance/appliance_api.ts";
export type { Config } from "./src/appliance/config/config.ts";
export { loadConfig, parseConfig } from "./src/appliance/config/load_config.ts";
export { ConfigError, type ConfigProblem } from "./src/appliance/config/problems.ts";

if (import.meta.main) Deno.exit(await main(Deno.args));
