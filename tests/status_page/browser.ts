/** A real browser without a window, and a page in it that is watched. */
import { type Browser, chromium, type Page } from "playwright-core";
import { findCommand, SkipTest } from "../support/skip.ts";

/** How a page is opened. */
export interface PageOptions {
  readonly colorScheme?: "light" | "dark";
  readonly width?: number;
  readonly height?: number;
  /** Devices without a fine pointer that want no movement. */
  readonly reducedMotion?: boolean;
}

const PROGRAM_NAMES = ["chromium", "chromium-browser", "google-chrome"];

/** Starts the browser. @throws SkipTest when there is none */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = PROGRAM_NAMES.map(findCommand).find((path) => path !== undefined);
  if (executablePath === undefined) {
    throw new SkipTest("chromium is not installed", "apt-get install chromium");
  }
  // The sandbox refuses to run as root; it opens nothing but our own page.
  return await chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

/** A page, and everything that it did which it should not. */
export interface WatchedPage {
  readonly page: Page;
  /** Requests to anywhere but the page's own origin. */
  readonly foreignRequests: readonly string[];
  /** Errors and warnings of the console, errors of scripts, breaches of the CSP. */
  readonly complaints: readonly string[];
}

/** Opens `url` in a profile of its own, hands the page to `body`, closes it. */
export async function withPage<Result>(
  browser: Browser,
  url: string,
  options: PageOptions,
  body: (watched: WatchedPage) => Promise<Result>,
): Promise<Result> {
  const context = await browser.newContext({
    viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
    colorScheme: options.colorScheme ?? "light",
    reducedMotion: options.reducedMotion === true ? "reduce" : "no-preference",
  });
  try {
    const page = await context.newPage();
    const foreignRequests: string[] = [];
    const complaints: string[] = [];
    const { origin } = new URL(url);
    context.on("request", (request) => {
      const isOwn = new URL(request.url()).origin === origin || request.url().startsWith("data:");
      if (!isOwn) foreignRequests.push(request.url());
    });
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(url);
    return await body({ page, foreignRequests, complaints });
  } finally {
    await context.close();
  }
}
