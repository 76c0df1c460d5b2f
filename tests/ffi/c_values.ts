/** Asks the C compiler for numbers: offsets, sizes and constants of this machine's headers. */
import { run } from "../support/process.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const HEADERS = [
  "dirent.h",
  "errno.h",
  "fcntl.h",
  "netinet/in.h",
  "stddef.h",
  "stdio.h",
  "sys/eventfd.h",
  "sys/mman.h",
  "sys/socket.h",
  "sys/syscall.h",
  "sys/uio.h",
  "linux/falloc.h",
  "linux/fs.h",
  "linux/io_uring.h",
  "linux/openat2.h",
  "linux/stat.h",
];

/**
 * The value of each C expression. A macro that the headers do not have (they may be older than the
 * kernel) is left out; any other unknown name is an error of the compiler, which this throws.
 * @param moreHeaders headers of other packages, as in `#include <…>`
 */
export async function evaluateC(
  gcc: string,
  expressions: readonly string[],
  moreHeaders: readonly string[] = [],
): Promise<Map<string, number>> {
  const prints = expressions.map((expression, index) => {
    const print = `printf("${index} %lld\\n", (long long)(${expression}));`;
    return /^[A-Z]\w*$/.test(expression) && NEWER_MACROS.has(expression)
      ? `#ifdef ${expression}\n  ${print}\n#endif`
      : `  ${print}`;
  });
  const includes = [...HEADERS, ...moreHeaders].map((name) => `#include <${name}>`);
  const source = ["#define _GNU_SOURCE", ...includes, "int main(void) {", ...prints, "}", ""];
  await using directory = await temporaryDirectory();
  const program = `${directory.path}/values`;
  await Deno.writeTextFile(`${program}.c`, source.join("\n"));
  await run(gcc, ["-w", "-o", program, `${program}.c`]);
  const { stdout } = await run(program, []);
  const values = new Map<string, number>();
  for (const line of stdout.trim().split("\n")) {
    const [index, value] = line.split(" ");
    values.set(expressions[Number(index)]!, Number(value));
  }
  return values;
}

/** Macros younger than Debian 12's headers. */
const NEWER_MACROS = new Set(["BLOCK_URING_CMD_DISCARD"]);
