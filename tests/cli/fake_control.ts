/** A control socket behind which nothing is real: answers from a table, and remembers what came. */
import type { Status } from "../../src/appliance/appliance_api.ts";
import { MEASURED, VERIFIED } from "../control_api/fake_appliance.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import {
  BACKUP,
  EVENTS,
  EXPLANATION,
  HOSTILE_STATUS,
  INFLIGHT,
  PLAN,
  SCRATCH,
} from "./hostile_status.ts";

/** One request. */
export interface Asked {
  readonly method: string;
  /** Address as it came, percent-encoded. */
  readonly path: string;
  readonly body: unknown;
}

type Answer = (asked: Asked) => unknown;

/** TOML of what was made by hand. */
export const EXPORTED = '[[mapping]]\nname = "fast"\nsessname = "rdma"\ndevice_path = "vm/2"\n';

/** Prometheus' text. */
export const METRICS = '# TYPE rnbd_up gauge\nrnbd_up{node="store-1"} 1\n';

/** `METHOD /path` with NAME for any name. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  "POST /v1/mappings": () => SCRATCH,
  "DELETE /v1/mappings/NAME": () => undefined,
  "POST /v1/mappings/NAME/remap": () => SCRATCH,
  "POST /v1/mappings/NAME/resize": () => SCRATCH,
  "POST /v1/mappings/NAME/verify": () => VERIFIED,
  "POST /v1/mappings/NAME/bench": () => MEASURED,
  "POST /v1/sessions/NAME/disconnect": () => BACKUP,
  "POST /v1/sessions/NAME/reconnect": () => BACKUP,
  "POST /v1/sessions/NAME/paths": () => BACKUP,
  "DELETE /v1/sessions/NAME/paths": () => BACKUP,
  "PATCH /v1/sessions/NAME": () => BACKUP,
  "POST /v1/clients/NAME/disconnect": () => undefined,
  "POST /v1/recover": () => ({ mappings: ["vm!1"], paths: ["backup tcp:127.0.0.3"] }),
  "POST /v1/exports/close": () => ({
    closed: [{ sessname: "store-2", mapping_path: "disk0.img" }],
  }),
  "POST /v1/exports/revalidate": () => ({
    devices: [
      {
        device: "/srv/disk0.img",
        size_bytes: 2 ** 30,
        earlier_size_bytes: 2 ** 29,
        clients: ["store-2"],
      },
      { device: "/srv/disk1.img", size_bytes: 1536, earlier_size_bytes: 1536, clients: [] },
    ],
  }),
  "GET /v1/plan": () => PLAN,
  "POST /v1/apply": () => ({ plan: PLAN, pending: PLAN.steps.slice(0, 1) }),
  "GET /v1/explain/NAME": () => EXPLANATION,
  "GET /v1/inflight": () => ({ requests: INFLIGHT }),
};

/** See the head of this file. */
export class FakeControl implements AsyncDisposable {
  readonly asked: Asked[] = [];
  /** Replaces what is answered to `METHOD /path`; a Response is sent as it is. */
  readonly answers = new Map<string, Answer>();
  status: Status = HOSTILE_STATUS;

  private constructor(
    readonly socket: string,
    private readonly server: Deno.HttpServer,
    private readonly directory: AsyncDisposable,
  ) {}

  /** Starts one in a folder of its own. */
  static async start(): Promise<FakeControl> {
    const directory = await temporaryDirectory();
    const path = `${directory.path}/control.sock`;
    const server = Deno.serve({ path, onListen: () => {} }, (request) => fake.answer(request));
    const fake: FakeControl = new FakeControl(path, server, directory);
    return fake;
  }

  private async answer(request: Request): Promise<Response> {
    const path = request.url.slice(request.url.indexOf("/", request.url.indexOf("://") + 3));
    const text = await request.text();
    const body = text === "" ? undefined : JSON.parse(text);
    const asked = { method: request.method, path, body };
    const [plain] = path.split("?");
    const key = `${request.method} ${
      plain!.replace(/^(\/v1\/(?:mappings|sessions|clients|explain))\/[^/]+/, "$1/NAME")
    }`;
    if (key !== "GET /v1/status") this.asked.push(asked);
    const replaced = this.answers.get(key);
    if (replaced !== undefined) return asResponse(await replaced(asked));
    if (key === "GET /v1/status") return Response.json(this.status);
    if (key === "GET /v1/config/export") return new Response(EXPORTED);
    if (key === "GET /metrics") return new Response(METRICS);
    if (key === "GET /v1/events") return events(path);
    const known = ANSWERS[key];
    if (known === undefined) return failure(404, `There is no ${path}`, "ENOENT", 64);
    return asResponse(known(asked));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.shutdown();
    await this.directory[Symbol.asyncDispose]();
  }
}

function asResponse(value: unknown): Response {
  if (value instanceof Response) return value;
  return value === undefined ? new Response(null, { status: 204 }) : Response.json(value);
}

/** What a refused request gives. */
export function failure(status: number, message: string, errno: string, exit_code: number) {
  return Response.json({ error: { message, errno, exit_code } }, { status });
}

function events(path: string): Response {
  const after = Number(new URLSearchParams(path.split("?")[1] ?? "").get("after") ?? 0);
  const text = EVENTS.filter(({ id }) => id > after).map((event) =>
    `id: ${event.id}\nevent: appliance\ndata: ${JSON.stringify(event)}\n\n`
  );
  return new Response(`: hello\n\n${text.join("")}`, {
    headers: { "content-type": "text/event-stream" },
  });
}
