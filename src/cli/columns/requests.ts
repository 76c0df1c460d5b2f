/** Columns of requests that wait for their answer. */
import type { InflightRequest } from "../../appliance/appliance_api.ts";
import type { Cell, CellKind, ColumnSpec, RowKind } from "./column.ts";

const column = (
  name: string,
  kind: CellKind,
  doc: string,
  value: (request: InflightRequest) => Cell,
  title = name.toUpperCase(),
): ColumnSpec<InflightRequest> => ({ name, kind, doc, value, title });

/** Requests under way. */
export const REQUESTS: RowKind<InflightRequest> = {
  key: "requests",
  singular: "request",
  title: "REQUESTS IN FLIGHT",
  columns: [
    column("age_us", "number", "age, microseconds", ({ age_us }) => age_us),
    column("side", "text", "client or server", ({ side }) => side),
    column("device", "text", "mapping, or device of the server", ({ device }) => device),
    column("sessname", "text", "session", ({ sessname }) => sessname),
    column("path", "text", "path that carries it", ({ path }) => path),
    column("reactor", "number", "thread that has it", ({ reactor }) => reactor),
    column("slot", "number", "permit, or chunk of the server", ({ slot }) => slot),
    column("operation", "text", "what it does", ({ operation }) => operation),
    column("offset_bytes", "number", "where", ({ offset_bytes }) => offset_bytes, "OFFSET"),
    {
      ...column("length_bytes", "bytes", "how much", (one) => one.length_bytes, "LENGTH"),
      isSum: true,
    },
  ],
  usual: [
    "age_us",
    "side",
    "device",
    "operation",
    "offset_bytes",
    "length_bytes",
    "slot",
    "path",
  ],
  data: (request) => request,
};
