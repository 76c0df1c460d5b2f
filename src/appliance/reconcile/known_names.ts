/**
 * Names of mappings that this node may have made block devices for, kept in the runtime folder:
 * the tag in the kernel holds only a hash of them. The file is a list of names to look for and
 * proves nothing; after a reboot it is as gone as the devices.
 */
import { type OwnershipTag, ownershipTag } from "../../ublk/ownership_tag.ts";
import { log } from "../log.ts";

const FILE = "block_devices.json";
const VERSION = 1;

/** See the head of this file. */
export class KnownNames {
  /** The tags of their devices, by name. */
  readonly tags = new Map<string, OwnershipTag>();
  private readonly path: string;

  constructor(runtimeDir: string, private readonly node: string) {
    this.path = `${runtimeDir}/${FILE}`;
    for (const name of this.read()) this.tags.set(name, ownershipTag(node, name));
  }

  private read(): string[] {
    try {
      const { version, names } = JSON.parse(Deno.readTextFileSync(this.path));
      const isGood = version === VERSION && Array.isArray(names) &&
        names.every((name) => typeof name === "string");
      if (isGood) return names;
      log.warn("list of block devices is not understood", { file: this.path });
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      const reason = error instanceof Error ? error.message : String(error);
      log.warn("list of block devices cannot be read", { file: this.path, reason });
    }
    return [];
  }

  /**
   * Adds names before their devices are made, so that none is ever forgotten.
   * @param isNeeded whether a name that is known already still has a device, or may get one
   */
  add(names: readonly string[], isNeeded: (name: string) => boolean): void {
    const added = names.filter((name) => !this.tags.has(name));
    if (added.length === 0) return;
    for (const name of this.tags.keys()) if (!isNeeded(name)) this.tags.delete(name);
    for (const name of added) this.tags.set(name, ownershipTag(this.node, name));
    this.write();
  }

  /** The old file or the new one, whatever happens: a rename replaces it. */
  private write(): void {
    const text = JSON.stringify({ version: VERSION, names: [...this.tags.keys()] });
    const fresh = `${this.path}.new`;
    try {
      Deno.writeTextFileSync(fresh, text, { mode: 0o600 });
      Deno.renameSync(fresh, this.path);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.warn("list of block devices cannot be written", { file: this.path, reason });
    }
  }
}
