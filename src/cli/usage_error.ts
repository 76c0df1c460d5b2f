/** A command line that makes no sense; the process exits with 64. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  /** @param verb whose help says more; undefined: the general help */
  constructor(message: string, readonly verb: string | undefined) {
    super(message);
  }
}
