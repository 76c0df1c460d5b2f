/**
 * Makes `assets/page.js` of `client/main.ts`:
 *
 *     deno run -A src/appliance/status_page/bundle.ts
 *
 * A test compares the file with what this would write.
 */
import { fileURLToPath } from "node:url";

/** The generated file. */
export const BUNDLE_FILE: string = fileURLToPath(new URL("./assets/page.js", import.meta.url));

const ENTRY = fileURLToPath(new URL("./client/main.ts", import.meta.url));
const HEAD = `// deno-lint-ignore-file
// deno-fmt-ignore-file
// Generated from ../client by ../bundle.ts; do not edit.
`;

/** The script of the page. @throws Error with what the bundler said */
export async function bundlePage(): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--platform", "browser", "--format", "iife", "--quiet", ENTRY],
    stdout: "piped",
    stderr: "piped",
  });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  if (!success) throw new Error(`deno bundle ${ENTRY}: ${decoder.decode(stderr)}`);
  return HEAD + decoder.decode(stdout);
}

if (import.meta.main) await Deno.writeTextFile(BUNDLE_FILE, await bundlePage());
