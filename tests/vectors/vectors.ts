/** Reads `protocol-vectors.txt`: messages as they are on the wire, computed independently. */

const text = Deno.readTextFileSync(new URL("protocol-vectors.txt", import.meta.url));

/** Bytes from hexadecimal digits. */
export function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** A message by its name in the file. @throws when there is none, or its length is not the stated one */
export function vector(name: string): Uint8Array {
  const match = new RegExp(`^HEX ${name} (\\d+) ([0-9a-f]+)$`, "m").exec(text);
  if (match === null) throw new Error(`No vector ${name}`);
  const bytes = fromHex(match[2]!);
  if (bytes.length !== Number(match[1])) throw new Error(`Vector ${name} is damaged`);
  return bytes;
}

/** All message names of the file. */
export function vectorNames(): string[] {
  return [...text.matchAll(/^HEX (\S+) /gm)].map((match) => match[1]!);
}

/** All immediates of the file: what they say and their numeric value. */
export function immediateVectors(): Map<string, number> {
  return new Map(
    [...text.matchAll(/^IMM (.+) ([0-9a-f]{8})$/gm)].map((match) => [
      match[1]!,
      parseInt(match[2]!, 16),
    ]),
  );
}
