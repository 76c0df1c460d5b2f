/** Where the config comes from, the one that is in force, and whether the files still agree. */
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load_config.ts";
import { ConfigError } from "../config/problems.ts";
import type { ConfigStatus } from "../status.ts";

/** Files that cannot be taken over. */
interface Staleness {
  readonly since: Date;
  readonly because: readonly string[];
}

/** See the head of this file. */
export class ConfigSource {
  private inForce: Config;
  private appliedAt: Date;
  private stale: Staleness | undefined;

  /** @param now the time of day */
  constructor(config: Config, private readonly now: () => Date = () => new Date()) {
    this.inForce = config;
    this.appliedAt = now();
  }

  /** What the node works towards. */
  get config(): Config {
    return this.inForce;
  }

  /** What the files say now; without files, what is in force. @throws ConfigError */
  read(): Config {
    const { file } = this.inForce;
    return file === null ? this.inForce : loadConfig(file);
  }

  /**
   * Takes over what the files say now.
   * @throws ConfigError when they have errors: what was in force goes on
   */
  reload(): Config {
    try {
      this.inForce = this.read();
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      const since = this.stale?.since ?? this.now();
      this.stale = { since, because: error.message.split("\n") };
      throw error;
    }
    this.stale = undefined;
    this.appliedAt = this.now();
    return this.inForce;
  }

  status(): Omit<ConfigStatus, "pending"> {
    const { inForce, stale } = this;
    return {
      file: inForce.file,
      files: inForce.files,
      state: stale === undefined ? "current" : "stale",
      stale_since: stale?.since.toISOString() ?? null,
      stale_because: stale?.because ?? [],
      applied_at: this.appliedAt.toISOString(),
    };
  }
}
