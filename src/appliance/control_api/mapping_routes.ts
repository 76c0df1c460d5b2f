/** Routes about mappings. */
import { flag, list, type Schema, shared } from "./api_schema.ts";
import type { MappingStatus } from "../status.ts";
import { ApiFailure } from "./failure.ts";
import { readJson } from "./request_body.ts";
import { BENCH_BODY, MAP_BODY, REMAP_BODY, RESIZE_BODY, VERIFY_BODY } from "./request_schemas.ts";
import {
  readBenchRequest,
  readMapRequest,
  readRemapRequest,
  readResizeRequest,
  readVerifyRequest,
} from "./requests.ts";
import { MEASURED, VERIFIED } from "./result_schemas.ts";
import type { Route } from "./route.ts";
import { MAPPING } from "./status_schema.ts";

/** What `GET /v1/mappings` answers. */
interface Mappings {
  readonly mappings: readonly MappingStatus[];
}

const MAPPINGS: Schema<Mappings> = shared<Mappings>("Mappings", "all mappings", {
  mappings: list("all of them", MAPPING),
});

/** See the head of this file. */
export const MAPPING_ROUTES: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/mappings",
    operation: "listMappings",
    summary: "all mappings",
    answers: { description: "`mappings` of the status", schema: MAPPINGS },
    answer: (call) => Response.json({ mappings: call.appliance().status().mappings }),
  },
  {
    method: "POST",
    path: "/v1/mappings",
    operation: "map",
    summary: "map a device of a server",
    body: MAP_BODY,
    answers: { status: 201, description: "the mapping, open", schema: MAPPING },
    async answer(call) {
      const request = readMapRequest(await readJson(call.request), call.runtimeDir);
      return Response.json(await call.appliance().map(request), { status: 201 });
    },
  },
  {
    method: "GET",
    path: "/v1/mappings/NAME",
    operation: "showMapping",
    summary: "one mapping",
    answers: { description: "the mapping", schema: MAPPING },
    answer(call) {
      const { mappings } = call.appliance().status();
      const mapping = mappings.find(({ name }) => name === call.name);
      if (mapping !== undefined) return Response.json(mapping);
      throw ApiFailure.missing(`No mapping is called ${JSON.stringify(call.name)}`);
    },
  },
  {
    method: "DELETE",
    path: "/v1/mappings/NAME",
    operation: "unmap",
    summary: "take a mapping away",
    query: [{ name: "force", schema: flag("even while it is in use", false) }],
    async answer(call) {
      await call.appliance().unmap(call.name, call.query.flag("force"));
      return new Response(null, { status: 204 });
    },
  },
  {
    method: "POST",
    path: "/v1/mappings/NAME/remap",
    operation: "remap",
    summary: "open the device at the server anew",
    body: REMAP_BODY,
    answers: { description: "the mapping, open", schema: MAPPING },
    async answer(call) {
      const request = readRemapRequest(await readJson(call.request), call.name);
      return Response.json(await call.appliance().remap(request));
    },
  },
  {
    method: "POST",
    path: "/v1/mappings/NAME/resize",
    operation: "resize",
    summary: "take over the size that the device has at its server",
    body: RESIZE_BODY,
    answers: { description: "the mapping, with its new size", schema: MAPPING },
    async answer(call) {
      const request = readResizeRequest(await readJson(call.request), call.name);
      return Response.json(await call.appliance().resize(request));
    },
  },
  {
    method: "POST",
    path: "/v1/mappings/NAME/verify",
    operation: "verify",
    summary: "overwrite a device with a pattern and read it back",
    body: VERIFY_BODY,
    answers: { description: "the result, when it is done", schema: VERIFIED },
    async answer(call) {
      const request = readVerifyRequest(await readJson(call.request), call.name);
      return Response.json(await call.appliance().verify(request, call.request.signal));
    },
  },
  {
    method: "POST",
    path: "/v1/mappings/NAME/bench",
    operation: "bench",
    summary: "make load",
    body: BENCH_BODY,
    answers: { description: "the result, when it is done", schema: MEASURED },
    async answer(call) {
      const request = readBenchRequest(await readJson(call.request), call.name);
      return Response.json(await call.appliance().bench(request, call.request.signal));
    },
  },
];
