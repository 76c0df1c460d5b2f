/** The bill of materials of an executable: CycloneDX 1.6, the same bytes for the same executable. */
import { createHash } from "node:crypto";
import { join } from "node:path/posix";
import type { Bundle } from "./bundle.ts";
import type { Commit } from "./commit.ts";
import { sha256File } from "./digest.ts";
import { findSources, type NpmPackage, readDenoConfig, ROOT } from "./stage.ts";

/** What {@link makeSbom} takes. */
export interface SbomInput {
  readonly kind: "compiled" | "self-extracting";
  readonly commit: Commit;
  readonly bundle: Bundle;
  /** Folder of the bundle. */
  readonly program: string;
  /** The result, and its hash in hex. */
  readonly executable: { readonly name: string; readonly sha256: string };
}

/** The script of the status page, which is in the tree as a bundle of its own. */
const STATUS_PAGE = "src/appliance/status_page/client/main.ts";

/** npm packages that carry the Deno executable, by Deno.build.arch. */
const DENO_PACKAGES: Readonly<Record<string, string>> = {
  x86_64: "@deno/linux-x64-glibc",
  aarch64: "@deno/linux-arm64-glibc",
};

const DENO_LICENSE = "MIT";
const V8_LICENSE = "BSD-3-Clause";

const sha256 = (content: string) => [{ alg: "SHA-256", content }];
const licensed = (license: string) => [{ expression: license }];
const npmUrl = (name: string, version: string) =>
  `pkg:npm/${name.replace("@", "%40")}@${encodeURIComponent(version)}`;

/** A UUID (version 8: whatever the maker likes) made of a hash. */
function uuidOf(hash: string): string {
  const hex = `${hash.slice(0, 12)}8${hash.slice(13, 16)}8${hash.slice(17, 32)}`;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

interface LockFile {
  readonly npm?: Readonly<Record<string, { readonly integrity: string }>>;
}

/** An npm package; its hash is that of the archive in the registry, from the lock file. */
function npmComponent({ name, version, folder }: NpmPackage) {
  const lock = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.lock"))) as LockFile;
  const integrity = lock.npm?.[`${name}@${version}`]?.integrity ?? "";
  const [, digest] = /^sha512-(.+)$/.exec(integrity) ?? [];
  if (digest === undefined) throw new Error(`deno.lock has no SHA-512 of ${name}@${version}`);
  const { license } = JSON.parse(Deno.readTextFileSync(join(folder, "package.json")));
  if (typeof license !== "string") throw new Error(`${folder}/package.json names no license`);
  const url = npmUrl(name, version);
  const content = Uint8Array.fromBase64(digest).toHex();
  return {
    type: "library",
    "bom-ref": url,
    name,
    version,
    licenses: licensed(license),
    purl: url,
    hashes: [{ alg: "SHA-512", content }],
  };
}

/** The runtime. Its own parts, but for V8, are Deno's to list. */
async function runtimeComponent(kind: SbomInput["kind"]) {
  const { deno, v8 } = Deno.version;
  const engine = {
    type: "library",
    "bom-ref": `pkg:generic/v8@${v8}`,
    name: "v8",
    version: v8,
    licenses: licensed(V8_LICENSE),
    purl: `pkg:generic/v8@${v8}`,
  };
  // A compiled executable begins with denort, which Deno takes out of an archive.
  const url = kind === "compiled"
    ? `pkg:generic/denort@${deno}`
    : npmUrl(DENO_PACKAGES[Deno.build.arch] ?? "deno", deno);
  return {
    type: "platform",
    "bom-ref": url,
    name: kind === "compiled" ? "denort" : "deno",
    version: deno,
    licenses: licensed(DENO_LICENSE),
    purl: url,
    ...(kind === "compiled" ? {} : { hashes: sha256(await sha256File(Deno.execPath())) }),
    components: [engine],
  };
}

/** A file of the bundle. */
async function fileComponent(program: string, file: string) {
  return {
    type: "file",
    "bom-ref": `file:program/${file}`,
    name: `program/${file}`,
    hashes: sha256(await sha256File(join(program, file))),
  };
}

/** The npm packages in the program and in its status page. */
async function findPackages({ bundle }: SbomInput): Promise<NpmPackage[]> {
  const page = await findSources([STATUS_PAGE]);
  const all = [...bundle.sources.packages, ...page.packages];
  return [...new Map(all.map((found) => [`${found.name}@${found.version}`, found])).values()];
}

/** The text of the SBOM. @throws Error when the licence or the hash of a part is not known */
export async function makeSbom(input: SbomInput): Promise<string> {
  const { kind, commit, bundle, program, executable } = input;
  const { version, license } = readDenoConfig();
  const self = `pkg:generic/${executable.name}@${version}`;
  const packages = (await findPackages(input)).map(npmComponent);
  const runtime = await runtimeComponent(kind);
  const files = await Promise.all(bundle.files.map((file) => fileComponent(program, file)));
  const facts = { kind: `${kind} executable`, arch: Deno.build.arch, commit: commit.name };
  const properties = Object.entries(facts).flatMap(([name, value]) =>
    value === null ? [] : [{ name: `rnbd-appliance:${name}`, value }]
  );
  const parts = [runtime, ...packages].map((part) => part["bom-ref"]);
  const bom = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    serialNumber: `urn:uuid:${
      uuidOf(createHash("sha256").update(executable.sha256).digest("hex"))
    }`,
    version: 1,
    metadata: {
      timestamp: new Date(commit.timeS * 1000).toISOString().replace(".000Z", "Z"),
      component: {
        type: "application",
        "bom-ref": self,
        name: executable.name,
        version,
        licenses: licensed(license),
        purl: self,
        hashes: sha256(executable.sha256),
        properties,
      },
    },
    components: [runtime, ...packages, ...files],
    dependencies: [{ ref: self, dependsOn: parts }, ...parts.map((ref) => ({ ref }))],
    compositions: [
      { aggregate: "complete", assemblies: [self] },
      { aggregate: "incomplete", assemblies: [runtime["bom-ref"]] },
    ],
  };
  return JSON.stringify(bom, null, 2) + "\n";
}
