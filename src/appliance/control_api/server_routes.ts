/** Routes about what this node serves: exports, and the clients that have them open. */
import type { ExportRuleStatus, ExportStatus, ServerSessionStatus } from "../status.ts";
import { list, type Schema, shared } from "./api_schema.ts";
import { readJson } from "./request_body.ts";
import { CLOSE_EXPORT_BODY, PATH_BODY, REVALIDATE_BODY } from "./request_schemas.ts";
import { readCloseExport, readPathRequest, readRevalidate } from "./requests.ts";
import { CLOSED, REVALIDATED } from "./result_schemas.ts";
import type { Route } from "./route.ts";
import { CLIENT, EXPORT, EXPORT_RULE } from "./status_schema.ts";

/** What `GET /v1/exports` answers. */
interface Exports {
  readonly exports: readonly ExportStatus[];
  readonly export_rules: readonly ExportRuleStatus[];
}

const EXPORTS: Schema<Exports> = shared<Exports>("Exports", "what is served", {
  exports: list("devices that clients have open", EXPORT),
  export_rules: list("what may be opened; empty: everything below dev_search_path", EXPORT_RULE),
});

/** What `GET /v1/clients` answers. */
interface Clients {
  readonly clients: readonly ServerSessionStatus[];
}

const CLIENTS: Schema<Clients> = shared<Clients>("Clients", "all clients", {
  clients: list("all of them", CLIENT),
});

/** See the head of this file. */
export const SERVER_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/exports",
    operation: "listExports",
    summary: "what is served, and to whom",
    answers: { description: "`exports` and `export_rules` of the status", schema: EXPORTS },
    answer(call) {
      const { exports, export_rules } = call.appliance().status();
      return Response.json({ exports, export_rules });
    },
  },
  {
    method: "POST",
    path: "/v1/exports/close",
    operation: "closeExport",
    summary: "take a device away from clients",
    body: CLOSE_EXPORT_BODY,
    answers: { description: "what was taken from whom", schema: CLOSED },
    async answer(call) {
      const request = readCloseExport(await readJson(call.request));
      return Response.json(await call.appliance().closeExport(request));
    },
  },
  {
    method: "POST",
    path: "/v1/exports/revalidate",
    operation: "revalidate",
    summary: "look at the sizes of open devices again",
    body: REVALIDATE_BODY,
    answers: {
      description: "the sizes, and those that clients had been told",
      schema: REVALIDATED,
    },
    async answer(call) {
      const device = readRevalidate(await readJson(call.request));
      return Response.json(await call.appliance().revalidate(device));
    },
  },
  {
    method: "GET",
    path: "/v1/clients",
    operation: "listClients",
    summary: "sessions of clients",
    answers: { description: "`clients` of the status", schema: CLIENTS },
    answer: (call) => Response.json({ clients: call.appliance().status().clients }),
  },
  {
    method: "POST",
    path: "/v1/clients/NAME/disconnect",
    operation: "disconnectClient",
    summary: "drop the session of a client, or one path of it",
    body: PATH_BODY,
    async answer(call) {
      const request = readPathRequest("disconnect", await readJson(call.request), call.name);
      await call.appliance().disconnectClient(request);
      return new Response(null, { status: 204 });
    },
  },
];
