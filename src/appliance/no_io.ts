/** Statistics of what has done nothing yet. */
import { IO_OPERATIONS, type IoStatistics } from "./status.ts";

/** See the head of this file. */
export const NO_IO = Object.fromEntries(
  IO_OPERATIONS.map((operation) => [operation, { ios: 0, bytes: 0, errors: 0 }]),
) as IoStatistics;
