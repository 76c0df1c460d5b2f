/** Sizes of mapped devices: RNBD has no message that tells of a change, so servers are asked. */
import { ApplianceError } from "../appliance_api.ts";
import { log } from "../log.ts";
import type { Mapping } from "./mapping.ts";

/** See the head of this file. */
export class SizeWatch {
  private isLooking = false;

  /** @param resize takes over the size that a mapping's server tells */
  constructor(
    private readonly mappings: ReadonlyMap<string, Mapping>,
    private readonly resize: (name: string) => Promise<unknown>,
  ) {}

  /**
   * Asks for all open mappings, one at a time of each session. A mapping that its server took away
   * is closed then. Does nothing while the last look still waits for an answer.
   */
  async look(): Promise<void> {
    if (this.isLooking) return;
    this.isLooking = true;
    await this.askAll().finally(() => this.isLooking = false);
  }

  private async askAll(): Promise<void> {
    const bySession = Map.groupBy(this.mappings.values(), ({ config }) => config.sessname);
    await Promise.all([...bySession.values()].map(async (mappings) => {
      for (const mapping of mappings) if (mapping.device.state === "open") await this.ask(mapping);
    }));
  }

  private async ask({ device, config: { name } }: Mapping): Promise<void> {
    const earlier = device.geometry!.sizeBytes;
    try {
      await this.resize(name);
    } catch (error) {
      if (!(error instanceof ApplianceError)) throw error;
      // What cannot take the size over is asked again each time, and told once.
      if (device.geometry!.sizeBytes === earlier) return;
      log.warn("mapping keeps its size", { name, reason: error.message });
    }
  }
}
