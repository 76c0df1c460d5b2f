/** What the control API answers: the table of its routes. */
import type { ApplianceControl } from "../appliance_api.ts";
import { ApiFailure } from "./failure.ts";
import { BODY_BYTES_MAX } from "./limits.ts";
import { readBenchRequest, readMapRequest, readPathRequest, readRemapRequest } from "./requests.ts";
import { readResizeRequest, readVerifyRequest } from "./requests.ts";

/** One request on its way to a route. */
export interface Call {
  /** Its `signal` fires when the client goes away, and only then: see "unstable" in deno.json. */
  readonly request: Request;
  readonly query: URLSearchParams;
  /** Name of the mapping or session in the address; empty where there is none. */
  readonly name: string;
  readonly runtimeDir: string;
  readonly version: string;
  /** @throws ApiFailure while the appliance is not ready */
  appliance(): ApplianceControl;
}

interface Route {
  readonly method: string;
  /** NAME stands for the percent-encoded name of a mapping or session. */
  readonly path: string;
  /** Query parameters that it knows. */
  readonly query?: readonly string[];
  answer(call: Call): Promise<Response> | Response;
}

/** Everything that can be asked. */
export const ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/version",
    answer: ({ version }) => Response.json({ version, api: 1, pid: Deno.pid }),
  },
  {
    method: "GET",
    path: "/v1/status",
    answer: (call) => Response.json(call.appliance().status()),
  },
  {
    method: "GET",
    path: "/v1/mappings",
    answer: (call) => Response.json({ mappings: call.appliance().status().mappings }),
  },
  {
    method: "POST",
    path: "/v1/mappings",
    async answer(call) {
      const request = readMapRequest(await readJson(call.request), call.runtimeDir);
      return Response.json(await call.appliance().map(request), { status: 201 });
    },
  },
  {
    method: "DELETE",
    path: "/v1/mappings/NAME",
    query: ["force"],
    async answer(call) {
      const force = readForce(call.query);
      await call.appliance().unmap(call.name, force);
      return new Response(null, { status: 204 });
    },
  },
  {
    method: "POST",
    path: "/v1/mappings/NAME/remap",
    async answer(call) {
      const request = readRemapRequest(await readJson(call.request), call.name);
      return Response.json(await call.appliance().remap(request));
    },
  },
  {
    method: "POST",
    path: "/v1/mappings/NAME/resize",
    async answer(call) {
      const request = readResizeRequest(await readJson(call.request), call.name);
      return Response.json(await call.appliance().resize(request));
    },
  },
  {
    method: "POST",
    path: "/v1/sessions/NAME/disconnect",
    async answer(call) {
      const request = readPathRequest("disconnect", await readJson(call.request), call.name);
      return Response.json(await call.appliance().disconnectPath(request));
    },
  },
  {
    method: "POST",
    path: "/v1/sessions/NAME/reconnect",
    async answer(call) {
      const request = readPathRequest("reconnect", await readJson(call.request), call.name);
      return Response.json(await call.appliance().reconnectPath(request));
    },
  },
  {
    method: "POST",
    path: "/v1/mappings/NAME/verify",
    async answer(call) {
      const request = readVerifyRequest(await readJson(call.request), call.name);
      return Response.json(await call.appliance().verify(request, call.request.signal));
    },
  },
  {
    method: "POST",
    path: "/v1/mappings/NAME/bench",
    async answer(call) {
      const request = readBenchRequest(await readJson(call.request), call.name);
      return Response.json(await call.appliance().bench(request, call.request.signal));
    },
  },
];

/**
 * Finds and runs the route of a request.
 * @throws ApiFailure, and whatever the appliance throws
 */
export async function route(
  request: Request,
  context: Pick<Call, "runtimeDir" | "version" | "appliance">,
): Promise<Response> {
  const { pathname, searchParams } = parseAddress(request.url);
  const matches = ROUTES.filter(({ path }) => nameIn(path, pathname) !== undefined);
  if (matches.length === 0) {
    const message = `There is no ${pathname}; see docs/control-api.md`;
    throw new ApiFailure(404, message, "ENOENT", 64);
  }
  const found = matches.find(({ method }) => method === request.method);
  if (found === undefined) {
    const allowed = matches.map(({ method }) => method).join(", ");
    const message = `${pathname} does not take ${request.method}; use ${allowed}`;
    return new ApiFailure(405, message, "EINVAL", 64).response({ allow: allowed });
  }
  for (const name of searchParams.keys()) {
    if (found.query?.includes(name)) continue;
    throw ApiFailure.bad(`The query parameter ${JSON.stringify(name)} is unknown`);
  }
  const name = decodeName(nameIn(found.path, pathname)!);
  return await found.answer({ ...context, request, query: searchParams, name });
}

/** Deno gives `http+unix://HOST/PATH`; URL parsers do not know the scheme's rules. */
function parseAddress(address: string): URL {
  const start = address.indexOf("/", address.indexOf("://") + 3);
  return new URL("http://localhost" + (start < 0 ? "/" : address.slice(start)));
}

/** What stands for NAME, "" when the path has none; undefined when they do not match. */
function nameIn(path: string, pathname: string): string | undefined {
  const pattern = new RegExp(`^${path.replace("NAME", "([^/]+)")}$`);
  const match = pattern.exec(pathname);
  return match === null ? undefined : match[1] ?? "";
}

function decodeName(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw ApiFailure.bad(`The name ${part} is not percent-encoded UTF-8`);
  }
}

function readForce(query: URLSearchParams): boolean {
  const values = query.getAll("force");
  if (values.length === 0) return false;
  const [value] = values;
  if (values.length === 1 && (value === "true" || value === "false")) return value === "true";
  throw ApiFailure.bad("force: is neither true nor false");
}

/** The body as JSON, at most {@link BODY_BYTES_MAX} of it. */
async function readJson(request: Request): Promise<unknown> {
  const type = (request.headers.get("content-type") ?? "").split(";")[0]!.trim();
  if (type.toLowerCase() !== "application/json") {
    throw new ApiFailure(415, "The body's content-type is not application/json", "EINVAL", 64);
  }
  const text = await readBody(request);
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw ApiFailure.bad(`The body is no JSON: ${reason}`);
  }
}

async function readBody(request: Request): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) {
      const message = `The body has more than ${BODY_BYTES_MAX} bytes`;
      throw new ApiFailure(413, message, "EMSGSIZE", 64);
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw ApiFailure.bad("The body is not UTF-8");
  }
}
