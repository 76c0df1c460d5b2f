/** Routes for what watches the appliance from outside: health, metrics, browsers. */
import { ApiFailure, asFailure } from "./failure.ts";
import { type Readiness, readiness, silentLine, unready } from "./readiness.ts";
import { HEALTH, type Health, READINESS, VERSION } from "./result_schemas.ts";
import type { ApiRequest, Call, Route } from "./route.ts";

/** Prometheus' text format, version 0.0.4. */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
const TEXT_TYPE = "text/plain; charset=utf-8";
const ON_REQUEST = "text, or JSON when the header `accept` asks for application/json";

/** See the head of this file. */
export const OUTSIDE_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/version",
    operation: "version",
    summary: "who answers; also while the appliance starts or stops",
    answers: {
      description: "`version` of the program, `api` (1), `pid`",
      schema: VERSION,
    },
    answer: ({ version }) => Response.json({ version, api: 1, pid: Deno.pid }),
  },
  {
    method: "GET",
    path: "/v1/openapi.json",
    operation: "openapi",
    summary: "this API, described for programs (OpenAPI 3.1)",
    answers: { description: "the document", contentType: "application/json" },
    answer: (call) =>
      new Response(call.document(), { headers: { "content-type": "application/json" } }),
  },
  {
    method: "GET",
    path: "/metrics",
    operation: "metrics",
    summary: "everything that is measured, for Prometheus",
    answers: { description: "Prometheus' text format", contentType: METRICS_TYPE },
    answer: (call) => text(call.appliance().metrics(), 200, METRICS_TYPE),
  },
  {
    method: "GET",
    path: "/healthz",
    operation: "health",
    summary: "whether the program answers at all, all its threads included",
    answers: {
      description: `\`ok\`, or a line for each thread that does not answer; ${ON_REQUEST}`,
      otherStatus: 503,
      contentType: TEXT_TYPE,
      schema: HEALTH,
    },
    answer(call) {
      const reactors = call.silentReactors();
      const isWell = reactors.length === 0;
      const status = isWell ? 200 : 503;
      if (wantsJson(call.request)) {
        const health: Health = { status: isWell ? "ok" : "failing", silent_reactors: reactors };
        return Response.json(health, { status });
      }
      return text((isWell ? ["ok"] : reactors.map(silentLine)).join("\n") + "\n", status);
    },
  },
  {
    method: "GET",
    path: "/readyz",
    operation: "readiness",
    summary: "whether every thread answers, the server listens and every declared mapping is open",
    answers: {
      description: `\`ready\`; ${ON_REQUEST}`,
      otherStatus: 503,
      contentType: TEXT_TYPE,
      schema: READINESS,
    },
    answer(call) {
      const found = currentReadiness(call);
      const status = found.ready ? 200 : 503;
      if (wantsJson(call.request)) return Response.json(found, { status });
      return text((found.ready ? ["ready"] : found.missing).join("\n") + "\n", status);
    },
  },
  {
    method: "GET",
    path: "/",
    operation: "page",
    summary: "the status page",
    answers: { description: "a page for browsers", contentType: "text/html; charset=utf-8" },
    answer(call) {
      const page = call.page?.();
      if (page === undefined) throw ApiFailure.missing("There is no status page");
      return new Response(page.html, {
        headers: { "content-type": "text/html; charset=utf-8", ...page.headers },
      });
    },
  },
];

function currentReadiness(call: Call): Readiness {
  try {
    return readiness(call.appliance().status(), call.silentReactors());
  } catch (error) {
    return unready(asFailure(error).message);
  }
}

/** JSON only for those who name it: browsers and curl take anything. */
function wantsJson({ headers }: ApiRequest): boolean {
  return (headers.accept ?? "").toLowerCase().includes("application/json");
}

function text(content: string, status: number, contentType: string = TEXT_TYPE): Response {
  return new Response(content, { status, headers: { "content-type": contentType } });
}
