/** One thing that can be asked of the control API, and what it is given to answer. */
import type { ApplianceControl } from "../appliance_api.ts";
import type { AnySchema } from "./api_schema.ts";
import type { EventFeeds } from "./event_feeds.ts";
import type { Query } from "./query.ts";

/** A request as it came in, whatever it came over. */
export interface ApiRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** Fires when the client goes away, and only then. */
  readonly signal: AbortSignal;
}

/** A page for browsers. */
export interface Page {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** What every route is given, whatever the request. */
export interface Surroundings {
  readonly runtimeDir: string;
  readonly version: string;
  /** @throws ApiFailure while the appliance is not ready */
  appliance(): ApplianceControl;
  /** Threads that do not answer, by their numbers. */
  silentReactors(): readonly number[];
  /** The description of the API for programs. */
  document(): string;
  /** The status page; absent: there is none. */
  page?(): Page;
}

/** One request on its way to a route. */
export interface Call extends Surroundings {
  readonly request: ApiRequest;
  readonly query: Query;
  /** Name of the mapping, session or client in the address; empty where there is none. */
  readonly name: string;
  /** The event streams of the listener that it came over. */
  readonly feeds: EventFeeds;
}

/** A query parameter. */
export interface QueryParameter {
  readonly name: string;
  readonly schema: AnySchema;
  readonly isNeeded?: boolean;
  /** It may be given several times. */
  readonly isList?: boolean;
}

/** What is answered when all goes well; absent: 204 and no body. */
export interface RouteAnswer {
  readonly description: string;
  /** 200 unless given. */
  readonly status?: number;
  /** JSON unless `contentType` says otherwise. */
  readonly schema?: AnySchema;
  /** Of answers that are not JSON. */
  readonly contentType?: string;
  /** Of statuses that are answers and no failures, besides the first. */
  readonly otherStatus?: number;
}

/** See the head of this file. */
export interface Route {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** NAME stands for the percent-encoded name of a mapping, session or client. */
  readonly path: string;
  /** Name of the operation: that of the method of ApplianceControl where there is one. */
  readonly operation: string;
  readonly summary: string;
  readonly query?: readonly QueryParameter[];
  readonly body?: AnySchema;
  readonly answers?: RouteAnswer;
  answer(call: Call): Promise<Response> | Response;
}
