/** Requests in flight, by the names that people know. */
import type { LaneClient, LaneRequest } from "../../rnbd/lane_commands.ts";
import type { InflightRequest } from "../appliance_api.ts";
import { operationOf } from "./io_totals.ts";

/** What a request belongs to. */
export interface RequestNames {
  readonly device: string;
  readonly sessname: string;
  /** `source,destination`; empty when no path carries it. */
  readonly path: string;
}

/** Says what the handles in a request stand for; undefined: it has been taken away meanwhile. */
export type NameRequest = (request: LaneRequest) => RequestNames | undefined;

/** A reactor that can be asked. */
export interface AskedReactor {
  readonly index: number;
  readonly lanes: Pick<LaneClient, "inflight">;
}

/**
 * Asks all reactors.
 * @param limit requests of each reactor at most, those that wait longest
 * @returns the oldest first
 */
export async function collectInflight(
  reactors: readonly AskedReactor[],
  limit: number,
  nameRequest: NameRequest,
): Promise<InflightRequest[]> {
  const answers = await Promise.all(reactors.map(async ({ index, lanes }) => {
    const { promise, resolve } = Promise.withResolvers<readonly LaneRequest[]>();
    lanes.inflight(limit, resolve);
    return (await promise).flatMap((request): InflightRequest[] => {
      const names = nameRequest(request);
      return names === undefined ? [] : [{
        side: request.side,
        ...names,
        reactor: index,
        slot: request.slot,
        operation: operationOf(request.operation),
        offset_bytes: request.offsetBytes,
        length_bytes: request.lengthBytes,
        age_us: Math.round(request.ageUs),
      }];
    });
  }));
  return answers.flat().sort((a, b) => b.age_us - a.age_us);
}
