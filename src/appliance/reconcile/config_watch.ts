/** Watches the config files and tells when what they say has changed. */
import { dirname, resolve } from "node:path/posix";
import { dropInFolder, readConfigFiles } from "../config/config_files.ts";
import { log } from "../log.ts";
import { WATCH_QUIET_MS } from "./limits.ts";

/**
 * Watches until disposed. Editors replace files, and the folder of the drop-ins may come later, so
 * it is the folder that is watched.
 */
export class ConfigWatch implements Disposable {
  private readonly watchers: Deno.FsWatcher[] = [];
  private readonly dropIns: string;
  private text: string;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param file the main config file */
  constructor(private readonly file: string, private readonly onChanged: () => void) {
    this.dropIns = resolve(dropInFolder(file));
    this.text = this.read();
    this.watch(dirname(file));
    this.watch(this.dropIns);
  }

  private read(): string {
    return JSON.stringify(readConfigFiles(this.file));
  }

  private watch(folder: string): void {
    let watcher: Deno.FsWatcher;
    try {
      watcher = Deno.watchFs(folder, { recursive: false });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      const reason = error instanceof Error ? error.message : String(error);
      log.warn("config folder cannot be watched", { folder, reason });
      return;
    }
    this.watchers.push(watcher);
    this.follow(watcher);
  }

  private async follow(watcher: Deno.FsWatcher): Promise<void> {
    for await (const { kind, paths } of watcher) {
      if (kind === "create" && paths.includes(this.dropIns)) this.watch(this.dropIns);
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.look(), WATCH_QUIET_MS);
    }
  }

  /** Many a file in the folder is none of ours. */
  private look(): void {
    const text = this.read();
    if (text === this.text) return;
    this.text = text;
    this.onChanged();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    for (const watcher of this.watchers) watcher.close();
  }
}
