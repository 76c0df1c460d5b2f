/** Reads `const NAME = { KEY: number, … }` out of a source file that keeps the table to itself. */

function evaluate(text: string): number {
  const shift = /^(\w+) << (\w+)$/.exec(text);
  if (shift !== null) return evaluate(shift[1]!) * 2 ** evaluate(shift[2]!);
  const value = Number(text.replaceAll("_", ""));
  if (Number.isNaN(value)) throw new Error(`${text} is no number`);
  return value;
}

/**
 * The table `name` of the file at `path`, relative to the root.
 * @throws when it is not there: then the test that reads it has to follow the source
 */
export function readSourceTable(path: string, name: string): Record<string, number> {
  const text = Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));
  const body = new RegExp(`const ${name} = \\{([^}]*)\\}`).exec(text)?.[1];
  if (body === undefined) throw new Error(`${path} has no table ${name}`);
  const entries = body.replaceAll(/\/\*.*?\*\/|\/\/.*/g, "").split(",").map((part) => part.trim());
  return Object.fromEntries(
    entries.filter((entry) => entry !== "").map((entry) => {
      const [key, value] = entry.split(":");
      return [key!.trim(), evaluate(value!.trim())];
    }),
  );
}

/** The number of `const NAME = number;`. */
export function readSourceConstant(path: string, name: string): number {
  const text = Deno.readTextFileSync(new URL(`../../${path}`, import.meta.url));
  const value = new RegExp(`const ${name} = ([^;]*);`).exec(text)?.[1];
  if (value === undefined) throw new Error(`${path} has no constant ${name}`);
  return evaluate(value.trim());
}
