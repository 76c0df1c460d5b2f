/** Runs one seed. */
import { type Plants, World, type WorldResult } from "./world.ts";

/** How a seed ended. */
export type Outcome =
  | { readonly result: WorldResult }
  | { readonly error: Error };

/**
 * @param plants bugs to build in
 * @param onLine gets what happens, line by line
 */
export function simulate(
  seed: number,
  plants: Plants = {},
  onLine?: (line: string) => void,
): Outcome {
  try {
    return { result: new World(seed, plants, onLine).run() };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { error };
  }
}
