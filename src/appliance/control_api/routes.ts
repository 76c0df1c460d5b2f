/** What the control API answers: the table of its routes. */
import { MAPPING_ROUTES } from "./mapping_routes.ts";
import { NODE_ROUTES } from "./node_routes.ts";
import { OUTSIDE_ROUTES } from "./outside_routes.ts";
import type { Route } from "./route.ts";
import { SERVER_ROUTES } from "./server_routes.ts";
import { SESSION_ROUTES } from "./session_routes.ts";

/** Everything that can be asked. */
export const ROUTES: readonly Route[] = [
  ...NODE_ROUTES,
  ...MAPPING_ROUTES,
  ...SESSION_ROUTES,
  ...SERVER_ROUTES,
  ...OUTSIDE_ROUTES,
];
