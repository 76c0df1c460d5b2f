/** Raw HTTP over a Unix socket, and an API to send it to. */
import { request } from "node:http";
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

/** One exchange; `body` is sent as it is. */
export function send(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Uint8Array,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const exchange = request({ socketPath, method, path, headers }, (response) => {
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
export function sendJson(socket: string, method: string, path: string, body: unknown) {
  const headers = { "content-type": "application/json" };
  return send(socket, method, path, JSON.stringify(body), headers);
}

/** An API with a fake appliance behind it, in a folder of its own. */
export async function withApi(
  body: (api: ControlApi, appliance: FakeAppliance) => Promise<void>,
): Promise<void> {
  await using directory = await temporaryDirectory();
  const api = await ControlApi.start(`${directory.path}/run`, "9.9.9");
  const appliance = new FakeAppliance();
  api.attach(appliance);
  const { sink } = log;
  log.sink = () => {};
  try {
    await body(api, appliance);
  } finally {
    log.sink = sink;
    await api.stop();
  }
}
