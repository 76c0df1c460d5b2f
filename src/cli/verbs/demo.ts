/** `demo`: a remote disk on this machine, end to end. */
import demoToml from "../../../config/demo.toml" with { type: "text" };
import type { MappingStatus, RunningAppliance } from "../../appliance/appliance_api.ts";
import type { Config } from "../../appliance/config/config.ts";
import { parseConfig } from "../../appliance/config/load_config.ts";
import { roundedSize } from "../../appliance/config/units.ts";
import { log } from "../../appliance/log.ts";
import type { Context, VerbRunner } from "../context.ts";
import { EXIT } from "../exit_codes.ts";
import { formatTable } from "../output/text_table.ts";
import { type Program, startProgram, StopSignals } from "../program.ts";
import { PROGRAM } from "../program_name.ts";
import { writeScratchImage } from "../scratch_image.ts";
import { benchSummary } from "./bench.ts";
import { isGood, verifyLines } from "./verify.ts";

const IMAGE_BYTES = 64 * 2 ** 20;
const BENCH_RUNTIME_MS = 2_000;
const OPEN_TIMEOUT_MS = 15_000;
const POLL_MS = 50;

/** Serves a scratch image, maps it over TCP, exposes, verifies and measures it. */
export const demo: VerbRunner = async (args, context) => {
  log.level = "warn";
  using signals = new StopSignals();
  const folder = Deno.makeTempDirSync({ prefix: "rnbd-demo-" });
  try {
    const config = demoConfig(folder);
    Deno.mkdirSync(config.server!.devSearchPath);
    writeScratchImage(`${config.server!.devSearchPath}/${imageName(config)}`, IMAGE_BYTES);
    const program = await startProgram(config, context);
    try {
      const show = showDemo(config, program, context, args.flag("stay"));
      const interrupted = signals.stopped.then(() => EXIT.FAILED);
      const code = await Promise.race([show, interrupted]);
      if (code === EXIT.OK && args.flag("stay")) await signals.stopped;
      return code;
    } finally {
      await program.stop();
    }
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
};

/** config/demo.toml with places of its own. */
function demoConfig(folder: string): Config {
  const config = parseConfig(demoToml, "config/demo.toml");
  const port = freePort();
  return {
    ...config,
    node: { ...config.node, runtimeDir: `${folder}/run` },
    server: { ...config.server!, port, devSearchPath: `${folder}/disks` },
    sessions: config.sessions.map((session) => ({ ...session, destPort: port })),
  };
}

function imageName(config: Config): string {
  return config.mappings[0]!.devicePath;
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

async function showDemo(
  config: Config,
  { appliance, socket }: Program,
  { terminal }: Context,
  isStaying: boolean,
): Promise<number> {
  const mapping = await openMapping(appliance, config.mappings[0]!.name);
  const { name, device } = mapping;
  const verified = await appliance.verify({
    name,
    destroy_data: true,
    bytes: 0,
    block_bytes: 65_536,
    iodepth: 32,
    seed: 1,
  });
  const small = await measure(appliance, name, 4096, 32);
  const large = await measure(appliance, name, 128 * 1024, 16);
  const server = config.server!;
  const rows = [
    ["image", `${roundedSize(IMAGE_BYTES)} of random bytes`],
    ["export", `${imageName(config)} on ${server.listen.join(", ")} port ${server.port}`],
    ["mapping", `${name}: session ${mapping.sessname}, ${roundedSize(mapping.size_bytes)}, open`],
    ["NBD socket", String(device)],
    ["verify", verifyLines(verified).join(" ")],
    ["4 KiB random reads", `depth 32: ${benchSummary(small)}`],
    ["128 KiB random reads", `depth 16: ${benchSummary(large)}`],
    ["system calls", `${small.enters_per_io.toFixed(3)} io_uring_enter per 4 KiB read`],
    ["memory", `${roundedSize(Deno.memoryUsage().rss)} resident, server and client together`],
  ];
  terminal.print(formatTable([{ title: "WHAT" }, { title: "RESULT" }], rows).join("\n"));
  const uri = `nbd+unix:///?socket=${device}`;
  terminal.print([
    "",
    isStaying ? "Look at it:" : "With --stay the disk remains, to look at it with:",
    `  nbdinfo --list "${uri}"`,
    `  qemu-img info "${uri}"`,
    `  nbdcopy "${uri}" copy.img`,
    `  ${PROGRAM} status --socket ${socket}`,
    ...(isStaying ? ["", "It runs until Ctrl-C."] : []),
  ].join("\n"));
  const isFine = isGood(verified) && small.errors === 0 && large.errors === 0;
  return isFine ? EXIT.OK : EXIT.FAILED;
}

function measure(appliance: RunningAppliance, name: string, blockBytes: number, iodepth: number) {
  return appliance.bench({
    name,
    rw: "randread",
    block_bytes: blockBytes,
    iodepth,
    runtime_ms: BENCH_RUNTIME_MS,
    jobs: 0,
    destroy_data: false,
  });
}

async function openMapping(appliance: RunningAppliance, name: string): Promise<MappingStatus> {
  await appliance.firstTryDone;
  for (const deadline = Date.now() + OPEN_TIMEOUT_MS;;) {
    const mapping = appliance.status().mappings.find((candidate) => candidate.name === name);
    if (mapping?.state === "open") return mapping;
    if (Date.now() > deadline) {
      const reason = mapping?.last_error ?? "it is not in the status";
      throw new Error(`The mapping ${name} did not open in ${OPEN_TIMEOUT_MS} ms: ${reason}`);
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
