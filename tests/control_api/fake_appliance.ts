/** An appliance that only remembers what it was asked. */
import {
  ApplianceError,
  type ApplianceEvent,
  type ApplyRequest,
  type ApplyResult,
  type BenchRequest,
  type BenchResult,
  type CloseExportRequest,
  type CloseExportResult,
  type Explanation,
  type InflightRequest,
  type MappingStatus,
  type MapRequest,
  type PathEditRequest,
  type PathRequest,
  type Plan,
  type RecoverRequest,
  type RecoverResult,
  type RemapRequest,
  type ResizeRequest,
  type RevalidateResult,
  type RunningAppliance,
  type SessionChangeRequest,
  type SessionStatus,
  type Status,
  type Unsubscribe,
  type VerifyRequest,
  type VerifyResult,
} from "../../src/appliance/appliance_api.ts";
import { EventHistory } from "../../src/appliance/event_history.ts";
import {
  APPLIED,
  CLOSED,
  EXPLAINED,
  EXPORTED,
  INFLIGHT,
  MEASURED,
  METRICS,
  PLAN,
  RECOVERED,
  REVALIDATED,
  VERIFIED,
} from "./fake_results.ts";
import { MAPPING, STATUS } from "./fake_status.ts";

export * from "./fake_results.ts";
export * from "./fake_status.ts";

/** Answers every call with the constants of the other files, or throws `failure`. */
export class FakeAppliance implements RunningAppliance {
  /** `[method, ...arguments]` of every call but `status` and `metrics`. */
  readonly calls: unknown[][] = [];
  /** What `apply`, `verify` and `bench` were given. */
  readonly signals: (AbortSignal | undefined)[] = [];
  /** What `subscribe` gives; add to it to make something happen. */
  readonly history = new EventHistory("debug");
  /** Subscriptions that have not ended. */
  subscribers = 0;
  failure: Error | undefined;
  firstTryDone: Promise<void> = Promise.resolve();
  /** What `status` gives. */
  current: Status = STATUS;
  planned: Plan = PLAN;
  applied: ApplyResult = APPLIED;
  verified: VerifyResult = VERIFIED;
  measured: BenchResult = MEASURED;
  /** Requests wait for this before they are answered. */
  gate: Promise<void> = Promise.resolve();

  status(): Status {
    if (this.failure !== undefined) throw this.failure;
    return this.current;
  }

  map(request: MapRequest): Promise<MappingStatus> {
    return this.answer(["map", request], MAPPING);
  }

  unmap(name: string, force: boolean): Promise<void> {
    return this.answer(["unmap", name, force], undefined);
  }

  remap(request: RemapRequest): Promise<MappingStatus> {
    return this.answer(["remap", request], MAPPING);
  }

  resize(request: ResizeRequest): Promise<MappingStatus> {
    return this.answer(["resize", request], MAPPING);
  }

  disconnectPath(request: PathRequest): Promise<SessionStatus> {
    return this.answer(["disconnectPath", request], STATUS.sessions[0]!);
  }

  reconnectPath(request: PathRequest): Promise<SessionStatus> {
    return this.answer(["reconnectPath", request], STATUS.sessions[1]!);
  }

  verify(request: VerifyRequest, signal?: AbortSignal): Promise<VerifyResult> {
    this.signals.push(signal);
    return this.answer(["verify", request], this.verified);
  }

  bench(request: BenchRequest, signal?: AbortSignal): Promise<BenchResult> {
    this.signals.push(signal);
    return this.answer(["bench", request], this.measured);
  }

  plan(): Promise<Plan> {
    return this.answer(["plan"], this.planned);
  }

  apply(request: ApplyRequest, signal?: AbortSignal): Promise<ApplyResult> {
    this.signals.push(signal);
    return this.answer(["apply", request], this.applied);
  }

  exportConfig(names: readonly string[]): string {
    return this.answerNow(["exportConfig", names], EXPORTED);
  }

  addPath(request: PathEditRequest): Promise<SessionStatus> {
    return this.answer(["addPath", request], STATUS.sessions[0]!);
  }

  deletePath(request: PathEditRequest): Promise<SessionStatus> {
    return this.answer(["deletePath", request], STATUS.sessions[0]!);
  }

  changeSession(request: SessionChangeRequest): Promise<SessionStatus> {
    return this.answer(["changeSession", request], STATUS.sessions[0]!);
  }

  recover(request: RecoverRequest): Promise<RecoverResult> {
    return this.answer(["recover", request], RECOVERED);
  }

  closeExport(request: CloseExportRequest): Promise<CloseExportResult> {
    return this.answer(["closeExport", request], CLOSED);
  }

  disconnectClient(request: PathRequest): Promise<void> {
    return this.answer(["disconnectClient", request], undefined);
  }

  revalidate(device: string | undefined): Promise<RevalidateResult> {
    return this.answer(["revalidate", device], REVALIDATED);
  }

  explain(name: string): Explanation {
    return this.answerNow(["explain", name], EXPLAINED);
  }

  inflight(limit: number): Promise<readonly InflightRequest[]> {
    return this.answer(["inflight", limit], INFLIGHT);
  }

  metrics(): string {
    if (this.failure !== undefined) throw this.failure;
    return METRICS;
  }

  subscribe(listener: (event: ApplianceEvent) => void, after?: number): Unsubscribe {
    if (this.failure !== undefined) throw this.failure;
    this.calls.push(["subscribe", after]);
    this.subscribers++;
    const unsubscribe = this.history.subscribe(listener, after);
    return () => {
      unsubscribe();
      this.subscribers--;
    };
  }

  stop(): Promise<void> {
    return this.answer(["stop"], undefined);
  }

  private async answer<Value>(call: unknown[], value: Value): Promise<Value> {
    this.calls.push(call);
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    return value;
  }

  private answerNow<Value>(call: unknown[], value: Value): Value {
    this.calls.push(call);
    if (this.failure !== undefined) throw this.failure;
    return value;
  }
}

/** A refusal as the real one gives it. */
export const busy = () => new ApplianceError("scratch is in use; give --force", "EBUSY", 1);
