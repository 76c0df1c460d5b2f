/** What the cases work on: a server on this machine, and a guest whose service maps from it. */
import { basename } from "node:path/posix";
import { type Appliance, startAppliance } from "../support/appliance.ts";
import { freePort } from "../support/process.ts";
import { makeExt4 } from "./machine/ext4_image.ts";
import type { MachineRecord } from "./machine_record.ts";
import { HOST_ADDRESS, SHARED_FOLDER } from "./machine/root_files.ts";
import { type GuestOptions, makeOverlay, SystemGuest } from "./machine/system_guest.ts";
import type { SystemImage } from "./machine/system_image.ts";
import { writeUncompressed } from "./uncompressed.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 256 * MIB;

/** The package's config file. */
export const CONFIG_FILE = "/etc/rnbd-appliance/rnbd.toml";

/** Where fstab mounts the first disk. */
export const MOUNT_POINT = "/mnt/data";

/** Names of the disks that the host offers; the first one has a file system. */
export const DISKS = ["data", "more"] as const;

const JOURNAL_TIMEOUT_MS = 60_000;

/** See the head of this file. */
export class Stand implements AsyncDisposable {
  /** What the machine had before the package came. */
  recordBefore: MachineRecord = [];
  private current: SystemGuest | undefined;
  private boots = 0;

  private constructor(
    private readonly image: SystemImage,
    /** Shared with the guests; consoles and scripts are there too. */
    readonly folder: string,
    private readonly server: Appliance,
    private readonly port: number,
    /** How many reboots under load. */
    readonly rounds: number,
    /** Says what was measured. */
    readonly note: (text: string) => void,
  ) {}

  /** Starts the server and makes the guest's disk; boots nothing. */
  static async open(options: {
    readonly image: SystemImage;
    readonly folder: string;
    /** The package under test. */
    readonly packageFile: string;
    readonly rounds: number;
    readonly note: (text: string) => void;
  }): Promise<Stand> {
    const { image, folder, packageFile, rounds, note } = options;
    await Deno.mkdir(`${folder}/images`);
    const [data, more] = DISKS.map((name) => `${folder}/images/${name}`);
    await makeExt4(data!, DISK_BYTES, "data");
    await makeExt4(more!, DISK_BYTES, "more");
    await makeOverlay(image, `${folder}/overlay.qcow2`);
    await writeUncompressed(packageFile, `${folder}/${basename(packageFile)}`);
    const port = freePort();
    const config = `[node]
name = "host"
runtime_dir = "${folder}/server"
reactors = 1
[server]
listen = ["tcp:127.0.0.1"]
port = ${port}
dev_search_path = "${folder}/images"
`;
    const server = await startAppliance({ config, directory: folder, name: "host" });
    return new Stand(image, folder, server, port, rounds, note);
  }

  /** The running guest. @throws when none runs */
  get guest(): SystemGuest {
    if (this.current?.isRunning !== true) throw new Error("No guest runs");
    return this.current;
  }

  /** Whether one runs. */
  get hasGuest(): boolean {
    return this.current?.isRunning === true;
  }

  /** Boots the guest's disk. */
  async boot(clock: GuestOptions["clock"] = "fast"): Promise<SystemGuest> {
    const { image, folder } = this;
    const name = `boot${++this.boots}`;
    const overlay = `${folder}/overlay.qcow2`;
    this.current = await SystemGuest.boot({ image, overlay, folder, name, clock });
    return this.current;
  }

  /** The file behind a disk, on the host. */
  disk(name: typeof DISKS[number]): string {
    return `${this.folder}/images/${name}`;
  }

  /** TOML of a node that maps these disks of the host. */
  config(disks: readonly string[]): string {
    return `[[session]]
sessname = "systemd"
paths = ["tcp:${HOST_ADDRESS}"]
dest_port = ${this.port}
` + disks.map((name) => `
[[mapping]]
name = "${name}"
sessname = "systemd"
device_path = "${name}"
expose = "ublk"
`
      ).join("");
  }

  /** Puts a text in the place of the package's config file. */
  async writeConfig(text: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/rnbd.toml`, text);
    await this.guest.sh(`cp ${SHARED_FOLDER}/rnbd.toml ${CONFIG_FILE}`);
  }

  /** After a failure: writes what the guest has logged to the folder; ends one that hangs. */
  async keepJournal(): Promise<void> {
    if (!this.hasGuest) return;
    try {
      const file = `${SHARED_FOLDER}/boot${this.boots}.journal`;
      await this.guest.sh(`journalctl --no-pager -o short-monotonic > ${file}`, JOURNAL_TIMEOUT_MS);
    } catch {
      // It does not answer: there is still the console. The next case gets a new boot.
      await this.guest.kill();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.current?.kill();
    await this.server.stop();
  }
}
