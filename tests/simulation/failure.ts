/** What a simulation found. */
export class SimFailure extends Error {
  override readonly name = "SimFailure";
}
