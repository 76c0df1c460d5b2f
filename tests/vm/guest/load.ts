/** Load that runs beside what a case does. */
import { fioArguments, type FioOptions } from "./fio.ts";
import { type FioJob, parseFio } from "../../support/fio.ts";

/** fio in the background. */
export interface BackgroundLoad extends AsyncDisposable {
  /** Waits for its end; its errors are in the result. */
  result(): Promise<FioJob>;
}

/** Starts fio; it ends by itself, or with the case. */
export function startLoad(options: FioOptions): BackgroundLoad {
  const child = new Deno.Command("fio", {
    args: fioArguments(options),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let hasEnded = false;
  const output = child.output().finally(() => hasEnded = true);
  return {
    result: async () => parseFio(new TextDecoder().decode((await output).stdout))[0]!,
    [Symbol.asyncDispose]: async () => {
      if (!hasEnded) child.kill("SIGKILL");
      await output;
    },
  };
}
