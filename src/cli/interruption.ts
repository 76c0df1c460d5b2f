/** Ctrl-C and SIGTERM as an abort signal, for verbs that run until then. */

/** Catches the signals while it is in use. */
export class Interruption implements Disposable {
  private readonly controller = new AbortController();
  private readonly onSignal = () => this.controller.abort();

  constructor() {
    Deno.addSignalListener("SIGINT", this.onSignal);
    Deno.addSignalListener("SIGTERM", this.onSignal);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  [Symbol.dispose](): void {
    Deno.removeSignalListener("SIGINT", this.onSignal);
    Deno.removeSignalListener("SIGTERM", this.onSignal);
  }
}
