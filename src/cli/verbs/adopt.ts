/** `adopt` */
import { ApplianceError } from "../../appliance/appliance_api.ts";
import { loadConfig } from "../../appliance/config/load_config.ts";
import { textProblem } from "../../appliance/config/names.ts";
import { newFileAtomically } from "../atomic_file.ts";
import type { VerbArguments } from "../arguments.ts";
import { connect } from "../connect.ts";
import type { VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { atClient } from "../grammar/words.ts";
import { hinted } from "../live_names.ts";
import { printable } from "../output/printable.ts";
import { printer, recordSet } from "../output/result.ts";
import { PROGRAM } from "../program_name.ts";

/** Longest name of a file on Linux. */
const FILE_NAME_BYTES_MAX = 255;
const SUFFIX = ".toml";

/** Writes mappings that were made by hand into a new file of conf.d. */
export const adopt: VerbRunner = async (args, { terminal }) => {
  const print = printer(args, terminal);
  const names = args.positionalsFrom(0);
  const fileName = readFileName(args);
  const client = await connect(args);
  const text = await hinted(
    client,
    names,
    atClient("device"),
    () => client.exportConfig(names),
  );
  const main = args.text("config") ?? mainFile((await client.status()).config.file);
  const folder = `${main.includes("/") ? main.slice(0, main.lastIndexOf("/")) : "."}/conf.d`;
  const file = `${folder}/${fileName}`;
  Deno.mkdirSync(folder, { recursive: true });
  newFileAtomically(file, text);
  checkTogether(main, file);
  const record = { file, names: names.join(" ") };
  print({
    data: { file, names },
    root: "adopted",
    sets: [recordSet("adopted", "ADOPTED", ["file", "names"], [record])],
    lines: () => [
      `wrote ${printable(names.join(", "))} to ${printable(file)}`,
      `Now say: ${PROGRAM} apply`,
    ],
  });
  return EXIT.OK;
};

function readFileName(args: VerbArguments): string {
  const written = args.text("to")!;
  const name = written.endsWith(SUFFIX) ? written : written + SUFFIX;
  const wrong = textProblem(name, FILE_NAME_BYTES_MAX);
  if (wrong !== null) args.refuse(`--to: ${wrong}`);
  if (name.includes("/")) args.refuse('--to: holds "/"; give the name of a file in conf.d');
  if (name.startsWith(".")) args.refuse('--to: starts with "."; such files are not read');
  return name;
}

/** The config that runs. @throws ApplianceError when it has no file, or one without a place */
function mainFile(file: string | null): string {
  if (file === null) {
    throw new ApplianceError("The appliance runs without a config file", "ENOENT", EXIT.FAILED);
  }
  if (file.startsWith("/")) return file;
  const message = `The appliance was started with the relative path ${file}; say where that is ` +
    "with --config FILE";
  throw new ApplianceError(message, "EINVAL", EXIT.USAGE);
}

/** A new file that makes the config wrong goes again. @throws ConfigError */
function checkTogether(main: string, file: string): void {
  try {
    loadConfig(main);
  } catch (error) {
    Deno.removeSync(file);
    throw error;
  }
}
