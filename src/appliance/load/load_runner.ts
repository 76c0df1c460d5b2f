/** Runs the verbs `verify` and `bench` on the reactors. */
import { describeErrno } from "../../ffi/errno.ts";
import {
  ApplianceError,
  type BenchRequest,
  type BenchResult,
  type VerifyRequest,
  type VerifyResult,
} from "../appliance_api.ts";
import { combineBench } from "./bench_result.ts";
import type { ClientSide } from "../client/client_side.ts";
import type { Runtime } from "../runtime.ts";
import type { LoadOutcome, LoadPlan } from "./load.ts";

const EXIT_FAILED = 1;
const EXIT_USAGE = 64;

/** See the head of this file. */
export class LoadRunner {
  constructor(private readonly runtime: Runtime, private readonly client: ClientSide) {}

  async verify(request: VerifyRequest, signal?: AbortSignal): Promise<VerifyResult> {
    if (!request.destroy_data) throw destroysData(request.name);
    const [outcome] = await this.runLoads(request.name, [{
      kind: "verify",
      blockBytes: request.block_bytes,
      iodepth: request.iodepth,
      bytes: request.bytes,
      seed: request.seed,
    }], signal);
    const result = outcome as LoadOutcome & { kind: "verify" };
    if (!result.checkerProven && result.errors === 0) {
      throw new ApplianceError("The checker missed a planted corruption", "EIO", EXIT_FAILED);
    }
    return {
      name: request.name,
      bytes_written: result.bytesWritten,
      bytes_read: result.bytesRead,
      duration_ms: result.durationMs,
      bad_blocks: result.badBlocks,
      first_bad_offsets: result.firstBadOffsets,
      io_errors: result.errors,
      first_error: result.firstErrno === 0 ? null : describeErrno(result.firstErrno),
    };
  }

  async bench(request: BenchRequest, signal?: AbortSignal): Promise<BenchResult> {
    const isRead = request.rw === "read" || request.rw === "randread";
    if (!isRead && !request.destroy_data) throw destroysData(request.name);
    const reactors = this.runtime.reactors.length;
    const wanted = request.jobs === 0 ? reactors : Math.min(request.jobs, reactors);
    const jobs = Math.min(wanted, request.iodepth);
    const plans = Array.from({ length: jobs }, (_, i): LoadPlan => ({
      kind: "bench",
      random: request.rw.startsWith("rand"),
      readShare: isRead ? 1 : request.rw === "randrw" ? 0.5 : 0,
      blockBytes: request.block_bytes,
      iodepth: Math.floor(request.iodepth / jobs) + (i < request.iodepth % jobs ? 1 : 0),
      runtimeMs: request.runtime_ms,
      seed: 0x2545f491 + i * 0x9e3779b1,
    }));
    const outcomes = await this.runLoads(request.name, plans, signal);
    return combineBench(request, outcomes as (LoadOutcome & { kind: "bench" })[]);
  }

  /** Runs plan i on reactor i. @throws ApplianceError when one did not run, or not to its end */
  private async runLoads(
    name: string,
    plans: readonly LoadPlan[],
    signal: AbortSignal | undefined,
  ): Promise<LoadOutcome[]> {
    const mapping = this.client.mapping(name);
    const { session, device } = this.client.deviceOf(mapping);
    const outcomes = await Promise.all(
      plans.map((plan, i) => this.runtime.reactors[i]!.runLoad(session, device, plan, signal)),
    );
    if (outcomes.some(({ kind }) => kind === "stopped")) {
      const why = signal?.aborted === true ? "its caller went away" : "its device was taken away";
      throw new ApplianceError(`The load on ${name} was stopped: ${why}`, "ECANCELED", EXIT_FAILED);
    }
    const refused = outcomes.find((outcome) => outcome.kind === "refused");
    if (refused === undefined) return outcomes;
    const reason = mapping.status().last_error;
    const why = reason === null ? refused.reason : `${refused.reason}: ${reason}`;
    throw new ApplianceError(`Cannot run on ${name}: ${why}`, "EINVAL", EXIT_FAILED);
  }
}

function destroysData(name: string): ApplianceError {
  const message = `This overwrites the data of ${name}; say --destroy-data if it may`;
  return new ApplianceError(message, "EPERM", EXIT_USAGE);
}
