/** Talks to the control API of a running appliance. */
import { request } from "node:http";
import type {
  BenchRequest,
  BenchResult,
  MappingStatus,
  MapRequest,
  PathRequest,
  RemapRequest,
  ResizeRequest,
  SessionStatus,
  Status,
  VerifyRequest,
  VerifyResult,
} from "../appliance/appliance_api.ts";
import { ApplianceError } from "../appliance/appliance_api.ts";
import type { FailureBody } from "../appliance/control_api/failure.ts";
import { EXIT } from "./exit_codes.ts";
import { PROGRAM } from "./help.ts";

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** The appliance behind one control socket. Every call throws ApplianceError when it fails. */
export class ControlClient {
  constructor(readonly socket: string) {}

  async status(): Promise<Status> {
    return await this.call("GET", "/v1/status") as Status;
  }

  async map(mapping: MapRequest): Promise<MappingStatus> {
    return await this.call("POST", "/v1/mappings", mapping) as MappingStatus;
  }

  async unmap(name: string, force: boolean): Promise<void> {
    await this.call("DELETE", `${mappingPath(name)}?force=${force}`);
  }

  async remap({ name, ...body }: RemapRequest): Promise<MappingStatus> {
    return await this.call("POST", `${mappingPath(name)}/remap`, body) as MappingStatus;
  }

  async resize({ name, ...body }: ResizeRequest): Promise<MappingStatus> {
    return await this.call("POST", `${mappingPath(name)}/resize`, body) as MappingStatus;
  }

  async disconnectPath({ sessname, ...body }: PathRequest): Promise<SessionStatus> {
    return await this.call("POST", `${sessionPath(sessname)}/disconnect`, body) as SessionStatus;
  }

  async reconnectPath({ sessname, ...body }: PathRequest): Promise<SessionStatus> {
    return await this.call("POST", `${sessionPath(sessname)}/reconnect`, body) as SessionStatus;
  }

  async verify({ name, ...body }: VerifyRequest): Promise<VerifyResult> {
    return await this.call("POST", `${mappingPath(name)}/verify`, body) as VerifyResult;
  }

  async bench({ name, ...body }: BenchRequest): Promise<BenchResult> {
    return await this.call("POST", `${mappingPath(name)}/bench`, body) as BenchResult;
  }

  private async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await this.exchange(method, path, body);
    if (answer.status < 300) return answer.body;
    const failure = (answer.body as Partial<FailureBody> | undefined)?.error;
    if (failure === undefined) {
      const message = `${this.socket} answered with HTTP status ${answer.status}`;
      throw new ApplianceError(message, "EPROTO", EXIT.FAILED);
    }
    throw new ApplianceError(failure.message, failure.errno, failure.exit_code);
  }

  private exchange(method: string, path: string, body: unknown): Promise<Answer> {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = text === undefined ? {} : { "content-type": "application/json" };
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const options = { socketPath: this.socket, method, path, headers };
    const fail = (error: Error) => reject(unavailable(this.socket, error));
    const exchange = request(options, (response) => {
      let received = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => received += chunk);
      response.on("error", fail);
      response.on("end", () => {
        try {
          const body = received === "" ? undefined : JSON.parse(received) as unknown;
          resolve({ status: response.statusCode ?? 0, body });
        } catch (error) {
          fail(error as Error);
        }
      });
    });
    exchange.on("error", fail);
    exchange.end(text);
    return promise;
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
