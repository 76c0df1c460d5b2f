/** Where screenshots go: kept when RNBD_TEST_ARTEFACTS names a folder, else in a temporary one. */

let folder: string | undefined;

/** Path for an artefact of this name; its folder is there. */
export function artefactPath(name: string): string {
  folder ??= makeFolder();
  return `${folder}/${name}`;
}

function makeFolder(): string {
  const wanted = Deno.env.get("RNBD_TEST_ARTEFACTS");
  if (wanted === undefined) {
    const made = Deno.makeTempDirSync({ prefix: "rnbd-status-page-" });
    // deno-lint-ignore no-console
    console.info(`Screenshots: ${made}`);
    return made;
  }
  Deno.mkdirSync(wanted, { recursive: true });
  return wanted;
}
