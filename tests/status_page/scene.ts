/** A page in the browser, with a fake appliance behind it that a test steers. */
import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import type { MappingStatus, Status } from "../../src/appliance/appliance_api.ts";
import { bigStatus, HOSTILE_NAMES, ioAfter } from "./big_status.ts";
import { type PageOptions, type WatchedPage, withPage } from "./browser.ts";
import { FakeServer } from "./fake_server.ts";

/** How long something may take that is not what a test measures. */
export const PATIENCE_MS = 15_000;

/** A status that a test changes as it goes; load runs by itself. */
export class Scene {
  private readonly startMs = Date.now();
  constructor(public base: Status) {}

  readonly read = (): Status => {
    const ms = Date.now() - this.startMs;
    const mappings = this.base.mappings.map((mapping, index): MappingStatus => ({
      ...mapping,
      io: ioAfter(ms, index < 300 ? 1 / (1 + index % 37) : 0),
    }));
    return { ...this.base, uptime_ms: this.base.uptime_ms + ms, mappings };
  };

  /** Takes a path of a session away. */
  losePath(session: number, path: number): void {
    const lost = { state: "disconnected", last_error: "ETIMEDOUT: no heartbeat for 25 s" } as const;
    const sessions = this.base.sessions.map((each, at) => ({
      ...each,
      paths: each.paths.map((one, i) => at === session && i === path ? { ...one, ...lost } : one),
    }));
    this.base = { ...this.base, sessions };
  }

  /** Closes a mapping. */
  closeMapping(index: number): void {
    const closed = {
      state: "closed",
      last_error: "ENOENT: the server has no such device",
    } as const;
    const mappings = this.base.mappings.map((mapping, at) =>
      at === index ? { ...mapping, ...closed } : mapping
    );
    this.base = { ...this.base, mappings };
  }
}

/** A large node that is well. */
export const big = (): Scene => new Scene(bigStatus({ mappings: 1000, sessions: 16, exports: 6 }));
/** A node all of whose names are hostile. */
export const hostile = (): Scene =>
  new Scene(bigStatus({ mappings: 30, sessions: 10, exports: 10, names: HOSTILE_NAMES }));

/** A server with a scene, and a page that shows it. */
export async function withScene(
  browser: Browser,
  scene: Scene,
  options: PageOptions,
  body: (watched: WatchedPage, server: FakeServer) => Promise<void>,
  prepare: (server: FakeServer) => void = () => {},
): Promise<void> {
  await using server = new FakeServer(scene.read);
  prepare(server);
  await withPage(browser, server.url, options, (watched) => body(watched, server));
}

/** @throws when something was fetched from elsewhere, was refused, or failed */
export function assertClean({ foreignRequests, complaints }: WatchedPage): void {
  assert.deepEqual(foreignRequests, []);
  assert.deepEqual(complaints, []);
}

/** Everything that can be opened, open. */
export async function openAll({ page }: WatchedPage): Promise<void> {
  await page.locator("#mappings button.name").first().waitFor({ timeout: PATIENCE_MS });
  await page.evaluate("document.querySelectorAll('details').forEach((each) => each.open = true)");
  await page.locator("#charts tbody tr").first().waitFor({ timeout: PATIENCE_MS });
}
