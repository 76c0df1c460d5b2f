/** signal(2) with SIG_IGN. */

const library = Deno.dlopen("libc.so.6", {
  signal: { parameters: ["i32", "pointer"], result: "pointer" },
}).symbols;

const SIG_IGN = 1n;
/** Linux, every architecture that Deno runs on. */
export const SIGUSR1 = 10;

/**
 * The process does not hear a signal any more, whatever listened to it before. The handler is one
 * of the kernel's own: no code of ours runs for it.
 */
export function ignoreSignal(signal: number): void {
  // Safe: SIG_IGN is a number that stands where a pointer could, and is never followed.
  library.signal(signal, Deno.UnsafePointer.create(SIG_IGN));
}
