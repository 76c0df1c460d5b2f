/** The way from a guest's program to the host that booted it. */
import { RECORDS_PORT } from "../machine/qemu.ts";

function openPort(): Deno.FsFile {
  const folder = "/sys/class/virtio-ports";
  for (const { name } of Deno.readDirSync(folder)) {
    if (Deno.readTextFileSync(`${folder}/${name}/name`).trim() === RECORDS_PORT) {
      return Deno.openSync(`/dev/${name}`, { write: true });
    }
  }
  throw new Error(`No port called ${RECORDS_PORT} below ${folder}`);
}

/** Sends records, one JSON value a line. */
export class RecordsPort<Message> {
  private readonly file = openPort();

  /** Sends one; blocks until the host has it. */
  write(record: Message): void {
    const bytes = new TextEncoder().encode(JSON.stringify(record) + "\n");
    for (let at = 0; at < bytes.length;) at += this.file.writeSync(bytes.subarray(at));
  }

  /** Nothing is sent after this. */
  close(): void {
    this.file.close();
  }
}
