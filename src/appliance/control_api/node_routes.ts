/** Routes about the node as a whole: its config, what it does, how it is. */
import { integer, text } from "./api_schema.ts";
import { wholeNumber } from "./query.ts";
import { INFLIGHT_LIMIT_DEFAULT, INFLIGHT_LIMIT_MAX } from "./limits.ts";
import { readJson } from "./request_body.ts";
import { APPLY_BODY, RECOVER_BODY } from "./request_schemas.ts";
import { readApplyRequest, readRecoverRequest } from "./requests.ts";
import { APPLIED, EVENT, EXPLAINED, INFLIGHT, PLAN, RECOVERED } from "./result_schemas.ts";
import type { Call, Route } from "./route.ts";
import { STATUS } from "./status_schema.ts";

/** Event ids count up by one; there are never so many. */
const EVENT_ID_MAX = Number.MAX_SAFE_INTEGER;

/** See the head of this file. */
export const NODE_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/status",
    operation: "status",
    summary: "everything that is known",
    answers: { description: "everything", schema: STATUS },
    answer: (call) => Response.json(call.appliance().status()),
  },
  {
    method: "GET",
    path: "/v1/plan",
    operation: "plan",
    summary: "what apply would do",
    answers: { description: "the way from what is to what the files say now", schema: PLAN },
    answer: async (call) => Response.json(await call.appliance().plan()),
  },
  {
    method: "POST",
    path: "/v1/apply",
    operation: "apply",
    summary: "take over what the files say now, and wait",
    body: APPLY_BODY,
    answers: { description: "what there was to do, and what is still missing", schema: APPLIED },
    async answer(call) {
      const request = readApplyRequest(await readJson(call.request));
      return Response.json(await call.appliance().apply(request, call.request.signal));
    },
  },
  {
    method: "GET",
    path: "/v1/config/export",
    operation: "exportConfig",
    summary: "mappings made by hand, for the config",
    query: [{ name: "name", schema: text("of a mapping; default: all of them"), isList: true }],
    answers: {
      description: "TOML for the config",
      contentType: "text/plain; charset=utf-8",
    },
    answer: (call) => plainText(call.appliance().exportConfig(call.query.all("name"))),
  },
  {
    method: "POST",
    path: "/v1/recover",
    operation: "recover",
    summary: "try now what is closed or disconnected",
    body: RECOVER_BODY,
    answers: { description: "what is being tried", schema: RECOVERED },
    async answer(call) {
      const request = readRecoverRequest(await readJson(call.request));
      return Response.json(await call.appliance().recover(request));
    },
  },
  {
    method: "GET",
    path: "/v1/explain/NAME",
    operation: "explain",
    summary: "why a mapping, session, export or client is as it is",
    answers: { description: "the reason, and what to do", schema: EXPLAINED },
    answer: (call) => Response.json(call.appliance().explain(call.name)),
  },
  {
    method: "GET",
    path: "/v1/inflight",
    operation: "inflight",
    summary: "block requests that wait for their answer",
    query: [{
      name: "limit",
      schema: integer("how many of each reactor", {
        minimum: 1,
        maximum: INFLIGHT_LIMIT_MAX,
        default: INFLIGHT_LIMIT_DEFAULT,
      }),
    }],
    answers: { description: "`requests`, the oldest first", schema: INFLIGHT },
    async answer(call) {
      const limit = call.query.integer("limit", 1, INFLIGHT_LIMIT_MAX) ?? INFLIGHT_LIMIT_DEFAULT;
      return Response.json({ requests: await call.appliance().inflight(limit) });
    },
  },
  {
    method: "GET",
    path: "/v1/events",
    operation: "subscribe",
    summary: "what happens, as it happens",
    query: [{
      name: "after",
      schema: integer("also the events after this id that are still remembered"),
    }],
    answers: {
      description: "a stream of server-sent events",
      contentType: "text/event-stream",
      schema: EVENT,
    },
    answer(call) {
      const stream = call.feeds.begin(call.appliance(), lastSeen(call));
      return new Response(stream, { headers: { "content-type": "text/event-stream" } });
    },
  },
];

/** A browser that comes back tells the last id that it got; that is newer than the address. */
function lastSeen({ request, query }: Call): number | undefined {
  const after = query.integer("after", 0, EVENT_ID_MAX);
  const header = request.headers["last-event-id"];
  if (header === undefined || header === "") return after;
  return wholeNumber("Last-Event-ID", header, 0, EVENT_ID_MAX);
}

function plainText(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/plain; charset=utf-8" } });
}
