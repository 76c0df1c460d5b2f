/** What the reconciler sees and moves; the node itself in the program, a model in simulation. */
import type { Actual, Users } from "./actual.ts";
import type { Work } from "./step.ts";

/** Why a piece of work was not done. */
export interface WorkFailure {
  readonly reason: string;
  /** Of no use to try again before something changes. */
  readonly isTerminal: boolean;
}

/** See the head of this file. */
export interface World {
  /** What is, now. */
  actual(): Actual;
  /** Who uses what, by the keys of `Users`; calls back once, maybe at once. */
  askUsers(keys: readonly string[], done: (users: Users) => void): void;
  /** Names of mappings that may be made from now on, so that their devices are known later. */
  remember(names: readonly string[]): void;
  /**
   * Does it, and calls back once. Must refuse to take away what has come into use since the last
   * look, unless it is told to force.
   */
  run(work: Work, done: (failure: WorkFailure | undefined) => void): void;
}
