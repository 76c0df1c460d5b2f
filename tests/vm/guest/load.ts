/** Load that runs beside what a case does. */
import { waitFor } from "../../support/process.ts";
import { fioArguments, type FioOptions } from "./fio.ts";
import { blockStatistics } from "./media.ts";
import { type FioJob, parseFio } from "../../support/fio.ts";

/** fio in the background. */
export interface BackgroundLoad extends AsyncDisposable {
  /** Waits for its end; its errors are in the result. */
  result(): Promise<FioJob>;
}

const BEGIN_TIMEOUT_MS = 60_000;

/** Requests that the device has seen. */
async function requestCount(path: string): Promise<number> {
  const { reads, writes } = blockStatistics(await Deno.realPath(path));
  return reads + writes;
}

/** Starts fio and waits for its first requests; it ends by itself, or with the case. */
export async function startLoad(options: FioOptions): Promise<BackgroundLoad> {
  const before = await requestCount(options.filename);
  const child = new Deno.Command("fio", {
    args: fioArguments(options),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let hasEnded = false;
  const output = child.output().finally(() => hasEnded = true);
  const hasBegun = async () => hasEnded || await requestCount(options.filename) > before + 100;
  await waitFor(hasBegun, BEGIN_TIMEOUT_MS, "fio to begin");
  return {
    result: async () => parseFio(new TextDecoder().decode((await output).stdout))[0]!,
    [Symbol.asyncDispose]: async () => {
      if (!hasEnded) child.kill("SIGKILL");
      await output;
    },
  };
}
