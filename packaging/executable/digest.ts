/** SHA-256 of files. */
import { createHash } from "node:crypto";

/** In hex; the file may have any size. */
export async function sha256File(path: string): Promise<string> {
  const hash = createHash("sha256");
  const file = await Deno.open(path);
  for await (const chunk of file.readable) hash.update(chunk);
  return hash.digest("hex");
}
