/** Finds the route of a request. */
import { ApiFailure } from "./failure.ts";
import { Query } from "./query.ts";
import type { Call, Route } from "./route.ts";
import { ROUTES } from "./routes.ts";

const PATTERNS: readonly { readonly route: Route; readonly pattern: RegExp }[] = ROUTES.map(
  (route) => ({
    route,
    pattern: new RegExp(`^${route.path.replaceAll(".", "\\.").replace("NAME", "([^/]+)")}$`),
  }),
);

/**
 * Finds and runs the route of a request.
 * @throws ApiFailure, and whatever the appliance throws
 */
export async function route(context: Omit<Call, "query" | "name">): Promise<Response> {
  const { method, target } = context.request;
  const { pathname, searchParams } = parseTarget(target);
  const matches = PATTERNS.flatMap(({ route, pattern }) => {
    const match = pattern.exec(pathname);
    return match === null ? [] : [{ route, encodedName: match[1] ?? "" }];
  });
  if (matches.length === 0) {
    const message = `There is no ${pathname}; see docs/control-api.md`;
    throw new ApiFailure(404, message, "ENOENT", 64);
  }
  const found = matches.find(({ route }) => route.method === method);
  if (found === undefined) {
    const allowed = matches.map(({ route }) => route.method).join(", ");
    const message = `${pathname} does not take ${method}; use ${allowed}`;
    return new ApiFailure(405, message, "EINVAL", 64).response({ allow: allowed });
  }
  const query = new Query(searchParams);
  query.allow(found.route.query?.map(({ name }) => name) ?? []);
  const name = decodeName(found.encodedName);
  return await found.route.answer({ ...context, query, name });
}

/** A whole URL is allowed too (RFC 9112, 3.2.2); which host it names does not matter here. */
function parseTarget(target: string): URL {
  const path = target.startsWith("/") ? target : target.replace(/^[a-z]+:\/\/[^/?]*/i, "");
  return new URL("http://localhost" + (path.startsWith("/") ? path : `/${path}`));
}

function decodeName(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw ApiFailure.bad(`The name ${part} is not percent-encoded UTF-8`);
  }
}
