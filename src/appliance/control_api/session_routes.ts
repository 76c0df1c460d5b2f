/** Routes about sessions to servers and their paths. */
import { pathProblem } from "../config/addresses.ts";
import type { SessionStatus } from "../status.ts";
import { list, type Schema, shared, text } from "./api_schema.ts";
import { ApiFailure } from "./failure.ts";
import { readJson } from "./request_body.ts";
import { PATH_BODY, PATH_EDIT_BODY, SESSION_CHANGE_BODY } from "./request_schemas.ts";
import { readPathEditRequest, readPathRequest, readSessionChange } from "./requests.ts";
import type { Route } from "./route.ts";
import { SESSION } from "./status_schema.ts";

/** What `GET /v1/sessions` answers. */
interface Sessions {
  readonly sessions: readonly SessionStatus[];
}

const SESSIONS: Schema<Sessions> = shared<Sessions>("Sessions", "all sessions to servers", {
  sessions: list("all of them", SESSION),
});

/** See the head of this file. */
export const SESSION_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/sessions",
    operation: "listSessions",
    summary: "all sessions to servers",
    answers: { description: "`sessions` of the status", schema: SESSIONS },
    answer: (call) => Response.json({ sessions: call.appliance().status().sessions }),
  },
  {
    method: "GET",
    path: "/v1/sessions/NAME",
    operation: "showSession",
    summary: "one session to a server",
    answers: { description: "the session", schema: SESSION },
    answer(call) {
      const { sessions } = call.appliance().status();
      const session = sessions.find(({ sessname }) => sessname === call.name);
      if (session !== undefined) return Response.json(session);
      throw ApiFailure.missing(`No session is called ${JSON.stringify(call.name)}`);
    },
  },
  {
    method: "PATCH",
    path: "/v1/sessions/NAME",
    operation: "changeSession",
    summary: "change a session while it is in use",
    body: SESSION_CHANGE_BODY,
    answers: { description: "the session", schema: SESSION },
    async answer(call) {
      const request = readSessionChange(await readJson(call.request), call.name);
      return Response.json(await call.appliance().changeSession(request));
    },
  },
  {
    method: "POST",
    path: "/v1/sessions/NAME/paths",
    operation: "addPath",
    summary: "add a path to a session",
    body: PATH_EDIT_BODY,
    answers: { status: 201, description: "the session, with the path", schema: SESSION },
    async answer(call) {
      const request = readPathEditRequest(await readJson(call.request), call.name);
      return Response.json(await call.appliance().addPath(request), { status: 201 });
    },
  },
  {
    method: "DELETE",
    path: "/v1/sessions/NAME/paths",
    operation: "deletePath",
    summary: "take a path away from a session",
    query: [{
      name: "path",
      schema: text('`"source,destination"` or the destination'),
      isNeeded: true,
    }],
    answers: { description: "the session, without the path", schema: SESSION },
    async answer(call) {
      const path = call.query.one("path");
      if (path === undefined) throw ApiFailure.bad("path: is missing");
      const problem = pathProblem(path);
      if (problem !== null) throw ApiFailure.bad(`path: ${problem}`);
      return Response.json(await call.appliance().deletePath({ sessname: call.name, path }));
    },
  },
  {
    method: "POST",
    path: "/v1/sessions/NAME/disconnect",
    operation: "disconnectPath",
    summary: "close paths of a session until they are reconnected",
    body: PATH_BODY,
    answers: { description: "the session", schema: SESSION },
    async answer(call) {
      const request = readPathRequest("disconnect", await readJson(call.request), call.name);
      return Response.json(await call.appliance().disconnectPath(request));
    },
  },
  {
    method: "POST",
    path: "/v1/sessions/NAME/reconnect",
    operation: "reconnectPath",
    summary: "connect paths of a session anew, now",
    body: PATH_BODY,
    answers: { description: "the session, being connected", schema: SESSION },
    async answer(call) {
      const request = readPathRequest("reconnect", await readJson(call.request), call.name);
      return Response.json(await call.appliance().reconnectPath(request));
    },
  },
];
