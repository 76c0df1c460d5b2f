/** Libraries that a machine may lack: looked for at first use, with the package in the error. */

/** A shared library is not installed (or cannot be loaded). */
export class MissingLibraryError extends Error {
  override readonly name = "MissingLibraryError";
  constructor(readonly library: string, readonly packages: string, cause: unknown) {
    super(
      `${library} cannot be loaded: install it (Debian: apt-get install ${packages}). ` +
        `The loader said: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

/** What RDMA needs installed, as Debian names it. */
export const RDMA_PACKAGES = "libibverbs1 librdmacm1 ibverbs-providers";

/**
 * Opens `file` when the returned function is first called, and keeps it.
 * @param packages the Debian packages that bring it
 * @returns a function that gives the symbols and throws {@link MissingLibraryError}
 */
export function optionalLibrary<const S extends Deno.ForeignLibraryInterface>(
  file: string,
  packages: string,
  symbols: S,
): () => Deno.DynamicLibrary<S>["symbols"] {
  let opened: Deno.DynamicLibrary<S>["symbols"] | undefined;
  return () => {
    if (opened !== undefined) return opened;
    try {
      opened = Deno.dlopen(file, symbols).symbols;
    } catch (cause) {
      throw new MissingLibraryError(file, packages, cause);
    }
    return opened;
  };
}
