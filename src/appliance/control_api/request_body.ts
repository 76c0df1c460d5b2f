/** Bodies of requests: JSON in UTF-8, not too long. */
import { ApiFailure } from "./failure.ts";
import { BODY_BYTES_MAX } from "./limits.ts";
import type { ApiRequest } from "./route.ts";

/**
 * The body as JSON.
 * @throws ApiFailure, also when it has more than {@link BODY_BYTES_MAX} bytes
 */
export async function readJson(request: ApiRequest): Promise<unknown> {
  const type = (request.headers["content-type"] ?? "").split(";")[0]!.trim();
  if (type.toLowerCase() !== "application/json") {
    throw new ApiFailure(415, "The body's content-type is not application/json", "EINVAL", 64);
  }
  const text = await readText(request.body);
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw ApiFailure.bad(`The body is no JSON: ${reason}`);
  }
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) {
      const message = `The body has more than ${BODY_BYTES_MAX} bytes`;
      throw new ApiFailure(413, message, "EMSGSIZE", 64);
    }
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw ApiFailure.bad("The body is not UTF-8");
  }
}
