/** Asks for something again and again: patiently when nobody answers, at once when told to. */

const ANSWER_TIMEOUT_MS = 5000;
const RETRY_MIN_MS = 1000;
const RETRY_MAX_MS = 10_000;
/** However much happens at once, the appliance is not asked more often than this. */
const PAUSE_MIN_MS = 200;

/** Whether somebody answers. */
export type Contact =
  | { readonly state: "waiting" }
  | { readonly state: "live" }
  | {
    readonly state: "away";
    /** Wall clock of the last answer; null when there was none. */
    readonly lastAnswerMs: number | null;
    readonly reason: string;
  };

/** What a {@link Poller} needs. */
export interface PollerOptions {
  readonly url: string;
  /** Pause between two answers while all is well. */
  readonly pauseMs: () => number;
  /** What is costly is asked for less often: this many times as long as the last answer took. */
  readonly restFactor: number;
  readonly onAnswer: (response: Response) => Promise<void>;
  readonly onContact: (contact: Contact) => void;
}

/** Asks until the page is closed. */
export class Poller {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isAsking = false;
  private isWanted = false;
  private failures = 0;
  private lastStartMs = -Infinity;
  private lastAnswerMs: number | null = null;

  constructor(private readonly options: PollerOptions) {}

  /** Asks now, or as soon as it may. */
  poke(): void {
    if (this.isAsking) this.isWanted = true;
    else this.schedule(Math.max(0, this.lastStartMs + PAUSE_MIN_MS - performance.now()));
  }

  private schedule(delayMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), delayMs);
  }

  private async ask(): Promise<void> {
    this.isAsking = true;
    this.isWanted = false;
    this.lastStartMs = performance.now();
    let delayMs: number;
    try {
      await this.fetch();
      this.failures = 0;
      this.lastAnswerMs = Date.now();
      this.options.onContact({ state: "live" });
      const tookMs = performance.now() - this.lastStartMs;
      const { pauseMs, restFactor } = this.options;
      delayMs = Math.max(pauseMs() - tookMs, tookMs * restFactor, PAUSE_MIN_MS);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.options.onContact({ state: "away", lastAnswerMs: this.lastAnswerMs, reason });
      delayMs = Math.min(RETRY_MIN_MS * 2 ** this.failures++, RETRY_MAX_MS);
    }
    this.isAsking = false;
    this.schedule(this.isWanted ? PAUSE_MIN_MS : delayMs);
  }

  private async fetch(): Promise<void> {
    const { url, onAnswer } = this.options;
    const response = await ask(url);
    await onAnswer(response);
  }
}

/**
 * One request to the appliance.
 * @throws Error with a sentence when there is no answer in time, or the answer is a refusal
 */
export async function ask(url: string): Promise<Response> {
  let response: Response;
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    response = await fetch(url, { signal, cache: "no-store", credentials: "same-origin" });
  } catch (error) {
    const isLate = error instanceof DOMException && error.name === "TimeoutError";
    throw new Error(isLate ? "The appliance does not answer" : "The appliance cannot be reached");
  }
  if (response.ok) return response;
  throw new Error(await refusalOf(response));
}

async function refusalOf(response: Response): Promise<string> {
  try {
    const { error } = await response.json() as { readonly error: { readonly message: string } };
    return error.message;
  } catch {
    return `The appliance answered ${response.status} ${response.statusText}`;
  }
}
