/** Verbs that only ask load nothing of what only `run` needs: they start fast, and anywhere. */
import assert from "node:assert/strict";
import { run } from "../support/process.ts";
import { repositoryRoot } from "../support/program.ts";

interface Graph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly code?: { readonly specifier?: string };
      readonly isDynamic?: boolean;
    }[];
  }[];
}

/** Files of this tree that these entries load at once, relative to its root. */
async function loaded(...entries: string[]): Promise<string[]> {
  const { stdout } = await run(Deno.execPath(), ["info", "--json", `${repositoryRoot}mod.ts`]);
  const { modules } = JSON.parse(stdout) as Graph;
  const root = `file://${repositoryRoot}`;
  const open = entries.map((entry) => root + entry);
  const found = new Set<string>();
  while (open.length > 0) {
    const specifier = open.pop()!;
    if (found.has(specifier)) continue;
    found.add(specifier);
    const module = modules.find((one) => one.specifier === specifier);
    assert.ok(module !== undefined, specifier);
    for (const { code, isDynamic } of module.dependencies ?? []) {
      const isOurs = code?.specifier?.startsWith(root) === true;
      if (isOurs && isDynamic !== true) open.push(code!.specifier!);
    }
  }
  return [...found].map((specifier) => specifier.slice(root.length));
}

/** Native libraries, the appliance, its API and its status page. */
const HEAVY =
  /^src\/(ffi\/(?!errno)|ring|rtrs|rnbd|ublk|nbd|appliance\/(appliance\.ts|control_api\/control_api|reconcile|status_page|config\/(load_config|schema)))/;

Deno.test("verbs that ask the running appliance load nothing heavy", async () => {
  for (const verb of ["status", "list", "apply", "map", "complete", "events"]) {
    const files = await loaded("src/cli/main.ts", `src/cli/verbs/${verb}.ts`);
    assert.deepEqual(files.filter((file) => HEAVY.test(file)), [], verb);
  }
});

Deno.test("what run needs is noticed as heavy", async () => {
  const files = await loaded("src/cli/main.ts", "src/cli/verbs/run.ts");
  assert.ok(files.some((file) => HEAVY.test(file)));
});
