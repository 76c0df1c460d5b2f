/** Raw HTTP over a Unix socket or a port, and an API to send it to. */
import { request } from "node:http";
import type { ControlConfig } from "../../src/appliance/config/config.ts";
import { ControlApi } from "../../src/appliance/control_api/control_api.ts";
import { log } from "../../src/appliance/log.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { FakeAppliance } from "./fake_appliance.ts";

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly text: string;
}

/** `[control]` with the defaults of the config file. */
export const CONTROL: ControlConfig = {
  socketMode: 0o600,
  socketGroup: undefined,
  readOnlySocket: false,
  readOnlySocketMode: 0o660,
  http: undefined,
};

/** A Unix socket, or a port of this machine. */
export type Target = string | number;

/** Where that is, for `node:http`. */
export function place(target: Target) {
  return typeof target === "string"
    ? { socketPath: target }
    : { host: "127.0.0.1", port: target, agent: false as const };
}

/** A port that nobody has. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** One exchange; `body` is sent as it is. */
export function send(
  target: Target,
  method: string,
  path: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const exchange = request({ ...place(target), method, path, headers }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => text += chunk);
      response.on("error", reject);
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    exchange.on("error", reject);
    exchange.end(body);
  });
}

/** {@link send} with a JSON body. */
export function sendJson(target: Target, method: string, path: string, body: unknown) {
  const headers = { "content-type": "application/json" };
  return send(target, method, path, JSON.stringify(body), headers);
}

/** An API in a folder of its own, without an appliance. */
export function startApi(
  folder: string,
  control: Partial<ControlConfig> = {},
  version = "9.9.9",
  silentReactors: () => readonly number[] = () => [],
): Promise<ControlApi> {
  const page = () => ({ html: "<!doctype html>", headers: { "x-page": "yes" } });
  return ControlApi.start({
    runtimeDir: `${folder}/run`,
    control: { ...CONTROL, ...control },
    version,
    page,
    silentReactors,
  });
}

/** An API with a fake appliance behind it, in a folder of its own. */
export async function withApi(
  body: (api: ControlApi, appliance: FakeAppliance) => Promise<void>,
  control: Partial<ControlConfig> = {},
): Promise<void> {
  await using directory = await temporaryDirectory();
  const { sink } = log;
  log.sink = () => {};
  try {
    const api = await startApi(directory.path, control);
    const appliance = new FakeAppliance();
    api.attach(appliance);
    try {
      await body(api, appliance);
    } finally {
      await api.stop();
    }
  } finally {
    log.sink = sink;
  }
}
