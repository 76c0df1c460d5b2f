/** Talks to the control API of a running appliance. */
import { type IncomingMessage, request, type RequestOptions } from "node:http";
import type {
  ApplianceEvent,
  ApplyRequest,
  ApplyResult,
  BenchRequest,
  BenchResult,
  CloseExportRequest,
  CloseExportResult,
  Explanation,
  InflightRequest,
  MappingStatus,
  MapRequest,
  PathEditRequest,
  PathRequest,
  Plan,
  RecoverRequest,
  RecoverResult,
  RemapRequest,
  ResizeRequest,
  RevalidateResult,
  SessionChangeRequest,
  SessionStatus,
  Status,
  VerifyRequest,
  VerifyResult,
} from "../appliance/appliance_api.ts";
import { ApplianceError } from "../appliance/appliance_api.ts";
import type { FailureBody } from "../appliance/control_api/failure.ts";
import { EventStreamParser } from "./event_stream.ts";
import { EXIT } from "./exit_codes.ts";
import { PROGRAM } from "./program_name.ts";

/** The appliance behind one control socket. Every call throws ApplianceError when it fails. */
export class ControlClient {
  constructor(readonly socket: string) {}

  async status(): Promise<Status> {
    return await this.json("GET", "/v1/status") as Status;
  }

  async map(mapping: MapRequest): Promise<MappingStatus> {
    return await this.json("POST", "/v1/mappings", mapping) as MappingStatus;
  }

  async unmap(name: string, force: boolean): Promise<void> {
    await this.text("DELETE", `${mappingPath(name)}?force=${force}`);
  }

  async remap({ name, ...body }: RemapRequest): Promise<MappingStatus> {
    return await this.json("POST", `${mappingPath(name)}/remap`, body) as MappingStatus;
  }

  async resize({ name, ...body }: ResizeRequest): Promise<MappingStatus> {
    return await this.json("POST", `${mappingPath(name)}/resize`, body) as MappingStatus;
  }

  async disconnectPath({ sessname, ...body }: PathRequest): Promise<SessionStatus> {
    return await this.json("POST", `${sessionPath(sessname)}/disconnect`, body) as SessionStatus;
  }

  async reconnectPath({ sessname, ...body }: PathRequest): Promise<SessionStatus> {
    return await this.json("POST", `${sessionPath(sessname)}/reconnect`, body) as SessionStatus;
  }

  async addPath({ sessname, ...body }: PathEditRequest): Promise<SessionStatus> {
    return await this.json("POST", `${sessionPath(sessname)}/paths`, body) as SessionStatus;
  }

  async deletePath({ sessname, path }: PathEditRequest): Promise<SessionStatus> {
    const address = `${sessionPath(sessname)}/paths?path=${encodeURIComponent(path)}`;
    return await this.json("DELETE", address) as SessionStatus;
  }

  async changeSession({ sessname, ...body }: SessionChangeRequest): Promise<SessionStatus> {
    return await this.json("PATCH", sessionPath(sessname), body) as SessionStatus;
  }

  async disconnectClient({ sessname, ...body }: PathRequest): Promise<void> {
    await this.text("POST", `/v1/clients/${encodeURIComponent(sessname)}/disconnect`, body);
  }

  async recover(body: RecoverRequest): Promise<RecoverResult> {
    return await this.json("POST", "/v1/recover", body) as RecoverResult;
  }

  async closeExport(body: CloseExportRequest): Promise<CloseExportResult> {
    return await this.json("POST", "/v1/exports/close", body) as CloseExportResult;
  }

  async revalidate(device: string | undefined): Promise<RevalidateResult> {
    const body = device === undefined ? {} : { device };
    return await this.json("POST", "/v1/exports/revalidate", body) as RevalidateResult;
  }

  async plan(): Promise<Plan> {
    return await this.json("GET", "/v1/plan") as Plan;
  }

  async apply(body: ApplyRequest): Promise<ApplyResult> {
    return await this.json("POST", "/v1/apply", body) as ApplyResult;
  }

  /** TOML. @param names of mappings; none: all that were made by hand */
  async exportConfig(names: readonly string[]): Promise<string> {
    const query = names.map((name) => `name=${encodeURIComponent(name)}`).join("&");
    return await this.text("GET", `/v1/config/export${query === "" ? "" : `?${query}`}`);
  }

  async explain(name: string): Promise<Explanation> {
    return await this.json("GET", `/v1/explain/${encodeURIComponent(name)}`) as Explanation;
  }

  async inflight(limit: number): Promise<readonly InflightRequest[]> {
    const answer = await this.json("GET", `/v1/inflight?limit=${limit}`);
    return (answer as { readonly requests: readonly InflightRequest[] }).requests;
  }

  /** Prometheus' text format. */
  metrics(): Promise<string> {
    return this.text("GET", "/metrics");
  }

  async verify({ name, ...body }: VerifyRequest): Promise<VerifyResult> {
    return await this.json("POST", `${mappingPath(name)}/verify`, body) as VerifyResult;
  }

  async bench({ name, ...body }: BenchRequest): Promise<BenchResult> {
    return await this.json("POST", `${mappingPath(name)}/bench`, body) as BenchResult;
  }

  /**
   * Follows the event stream.
   * @param after also remembered events that came after this one
   * @param signal ends it
   */
  async *events(after?: number, signal?: AbortSignal): AsyncGenerator<ApplianceEvent> {
    const address = `/v1/events${after === undefined ? "" : `?after=${after}`}`;
    const response = await this.exchange("GET", address, undefined, signal);
    if ((response.statusCode ?? 0) >= 300) throw this.failure(response, await readAll(response));
    const parser = new EventStreamParser();
    try {
      for await (const chunk of response) {
        for (const data of parser.push(chunk as string)) yield JSON.parse(data) as ApplianceEvent;
      }
    } catch (error) {
      if (signal?.aborted !== true) throw unavailable(this.socket, error as Error);
    } finally {
      response.destroy();
    }
  }

  private async json(method: string, path: string, body?: unknown): Promise<unknown> {
    const text = await this.text(method, path, body);
    try {
      return JSON.parse(text);
    } catch (error) {
      throw unavailable(this.socket, error as Error);
    }
  }

  private async text(method: string, path: string, body?: unknown): Promise<string> {
    const response = await this.exchange(method, path, body);
    const text = await readAll(response).catch((error) => {
      throw unavailable(this.socket, error);
    });
    if ((response.statusCode ?? 0) < 300) return text;
    throw this.failure(response, text);
  }

  private failure(response: IncomingMessage, text: string): ApplianceError {
    const failure = readFailure(text);
    if (failure !== undefined) {
      return new ApplianceError(failure.message, failure.errno, failure.exit_code);
    }
    const message = `${this.socket} answered with HTTP status ${response.statusCode}`;
    return new ApplianceError(message, "EPROTO", EXIT.FAILED);
  }

  private exchange(
    method: string,
    path: string,
    body: unknown,
    signal?: AbortSignal,
  ): Promise<IncomingMessage> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { "content-type": "application/json" };
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const options: RequestOptions = {
      socketPath: this.socket,
      method,
      path,
      headers,
      ...(signal === undefined ? {} : { signal }),
    };
    const exchange = request(options, (response) => resolve(response.setEncoding("utf8")));
    exchange.on("error", (error: Error) => reject(unavailable(this.socket, error)));
    exchange.end(text);
    return promise;
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of response) text += chunk;
  return text;
}

function readFailure(text: string): FailureBody["error"] | undefined {
  try {
    return (JSON.parse(text) as Partial<FailureBody>).error;
  } catch {
    return undefined;
  }
}

function mappingPath(name: string): string {
  return `/v1/mappings/${encodeURIComponent(name)}`;
}

function sessionPath(sessname: string): string {
  return `/v1/sessions/${encodeURIComponent(sessname)}`;
}

function unavailable(socket: string, error: Error): ApplianceError {
  const code = (error as Error & { code?: string }).code ?? "EIO";
  if (code === "EACCES" || code === "EPERM") {
    const message = `The appliance at ${socket} belongs to another user (${code}); use that user`;
    return new ApplianceError(message, code, EXIT.UNAVAILABLE);
  }
  if (code === "ENOENT" || code === "ECONNREFUSED") {
    const message = `No appliance answers at ${socket} (${code}); start one with ` +
      `"${PROGRAM} --config FILE", or say where it is with --socket or --config`;
    return new ApplianceError(message, code, EXIT.UNAVAILABLE);
  }
  const message = `Lost the appliance at ${socket}: ${error.message}; see its log`;
  return new ApplianceError(message, code, EXIT.UNAVAILABLE);
}
