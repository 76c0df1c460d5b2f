/** The bill of materials: as the standard wants it, and true. */
import assert from "node:assert/strict";
import { builtFolder } from "./support/built.ts";
import { cycloneDxSchema } from "./support/cyclonedx.ts";
import { run } from "../support/process.ts";
import { repositoryRoot } from "../support/program.ts";
import { sha256File, temporaryDirectory } from "../support/temporary.ts";

interface Component {
  readonly type: string;
  readonly name: string;
  readonly version?: string;
  readonly "bom-ref": string;
  readonly purl?: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses?: readonly { readonly expression: string }[];
  readonly components?: readonly Component[];
}

interface Bom {
  readonly metadata: { readonly timestamp: string; readonly component: Component };
  readonly components: readonly Component[];
}

const sha256Of = (component: Component | undefined) =>
  component?.hashes?.find(({ alg }) => alg === "SHA-256")?.content;

const readBom = async (): Promise<Bom> =>
  JSON.parse(await Deno.readTextFile(`${await builtFolder()}/rnbd-appliance.cdx.json`));

Deno.test("sbom: it is CycloneDX 1.6, by the schema of its makers", async () => {
  const validate = await cycloneDxSchema();
  const bom = await readBom();
  assert.ok(validate(bom), JSON.stringify(validate.errors));
  for (const broken of [{ ...bom, components: [{}] }, { ...bom, serialNumber: "x" }]) {
    assert.ok(!validate(broken), "the schema notices a mistake");
  }
});

Deno.test("sbom: hashes are those of the parts, and no part is missing", async () => {
  const folder = await builtFolder();
  const executable = `${folder}/rnbd-appliance`;
  const { metadata, components } = await readBom();
  assert.equal(sha256Of(metadata.component), await sha256File(executable));
  const said = await Deno.readTextFile(`${folder}/rnbd-appliance.sha256`);
  assert.equal(said, `${await sha256File(executable)}  rnbd-appliance\n`);

  await using directory = await temporaryDirectory();
  const unpacked = `${directory.path}/unpacked`;
  await run(executable, ["--unpack", unpacked]);
  const files = components.filter(({ type }) => type === "file");
  const names = [...Deno.readDirSync(`${unpacked}/program`)].map(({ name }) => `program/${name}`);
  assert.deepEqual(files.map(({ name }) => name).sort(), names.sort());
  for (const file of files) {
    assert.equal(sha256Of(file), await sha256File(`${unpacked}/${file.name}`), file.name);
  }
  const runtime = components.find(({ name }) => name === "deno");
  assert.equal(runtime?.version, Deno.version.deno);
  assert.equal(sha256Of(runtime), await sha256File(`${unpacked}/runtime/rnbd-appliance`));
  assert.equal(runtime?.components?.[0]?.version, Deno.version.v8);
});

Deno.test("sbom: every npm package in the program, with licence and the registry's hash", async () => {
  const { components } = await readBom();
  const libraries = components.filter(({ type }) => type === "library");
  // The bundler notes where a piece of code comes from.
  await using directory = await temporaryDirectory();
  const unpacked = `${directory.path}/unpacked`;
  await run(`${await builtFolder()}/rnbd-appliance`, ["--unpack", unpacked]);
  const bundled = new Set<string>();
  for (const { name } of Deno.readDirSync(`${unpacked}/program`)) {
    const text = await Deno.readTextFile(`${unpacked}/program/${name}`);
    for (const [, found] of text.matchAll(/^\/\/ .*\bnode_modules\/((?:@[^/]+\/)?[^/]+)\//gm)) {
      bundled.add(found!);
    }
  }
  assert.ok(bundled.has("smol-toml"));
  assert.deepEqual(libraries.map(({ name }) => name).sort(), [...bundled].sort());
  const { npm } = JSON.parse(await Deno.readTextFile(`${repositoryRoot}deno.lock`)) as {
    npm: Record<string, { integrity: string }>;
  };
  for (const { name, version, purl, hashes, licenses } of libraries) {
    assert.equal(purl, `pkg:npm/${name.replace("@", "%40")}@${version}`);
    assert.match(licenses![0]!.expression, /^[\w.+-]+$/);
    const integrity = npm[`${name}@${version}`]!.integrity;
    const digest = Uint8Array.fromHex(hashes![0]!.content).toBase64();
    assert.equal(`sha512-${digest}`, integrity);
  }
});

Deno.test("sbom: the page's script has no package in it that is not listed", async () => {
  const page = await Deno.readTextFile(
    `${repositoryRoot}src/appliance/status_page/assets/page.js`,
  );
  const names = new Set((await readBom()).components.map(({ name }) => name));
  for (const [, name] of page.matchAll(/^\s*\/\/ .*\bnpm\/[^/]+\/((?:@[^/]+\/)?[^/]+)\//gm)) {
    assert.ok(names.has(name!), name);
  }
});
