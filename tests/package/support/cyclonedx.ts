/** The schema of CycloneDX 1.6, as its makers publish it for JavaScript. */
import { Ajv, type ValidateFunction } from "ajv";
// Importing something of the package brings all of it into Deno's cache.
import about from "@cyclonedx/cyclonedx-library/package.json" with { type: "json" };
import { repositoryRoot } from "../../support/program.ts";
import { run } from "../../support/process.ts";

/** Compiles the schema. `validateFormats` is off: ajv itself knows none of the formats. */
export async function cycloneDxSchema(): Promise<ValidateFunction> {
  const args = ["info", "--json", `npm:${about.name}@${about.version}`];
  const { stdout } = await run(Deno.execPath(), args, { cwd: repositoryRoot });
  const { npmPackages } = JSON.parse(stdout) as {
    npmPackages: Record<string, { name: string; localPath: string }>;
  };
  const found = Object.values(npmPackages).find(({ name }) => name === about.name)!;
  const folder = `${found.localPath}/res/schema`;
  const read = (name: string) =>
    JSON.parse(Deno.readTextFileSync(`${folder}/${name}.SNAPSHOT.schema.json`));
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  for (const name of ["spdx", "jsf-0.82"]) {
    ajv.addSchema(read(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
  }
  return ajv.compile(read("bom-1.6"));
}
