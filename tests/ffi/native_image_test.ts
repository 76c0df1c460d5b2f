/**
 * The stubs of the inline verbs, really run: natively from C, for the other architecture under
 * QEMU's user emulation, and in this process. Objects are fake: only their context and its table
 * of functions exist.
 */
import assert from "node:assert/strict";
import { mapReserve, unmap } from "../../src/ffi/libc.ts";
import { type Architecture, buildVerbsImage, loadVerbsImage } from "../../src/ffi/native_image.ts";
import { pointerAt } from "../../src/ffi/pointer.ts";
import { IBV_CONTEXT, IBV_CONTEXT_OPS } from "../../src/ffi/verbs_layout.ts";
import { run } from "../support/process.ts";
import { requireCommand, requireFile, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const NAMES = Object.keys(IBV_CONTEXT_OPS)
  .filter((key) => key !== "BYTES")
  .map((key) => [key.toLowerCase(), IBV_CONTEXT_OPS[key as keyof typeof IBV_CONTEXT_OPS]] as const);

const SLOTS = IBV_CONTEXT_OPS.BYTES / 8;

/** Opens the image and calls each stub; every slot of the table has its own function. */
const PROGRAM = `
#include <dlfcn.h>
#include <stdio.h>
struct context { char before[${IBV_CONTEXT.OPS}]; void *ops[${SLOTS}]; } context;
struct object { struct context *context; } object = { &context };
static int called; static void *seen[3];
#define FUNCTION(n) static int f##n(void *a, void *b, void *c) \\
  { called = n; seen[0] = a; seen[1] = b; seen[2] = c; return -n - 1; }
${Array.from({ length: SLOTS }, (_, slot) => `FUNCTION(${slot})`).join("\n")}
int main(int count, char **arguments) {
  void *image = dlopen(arguments[1], RTLD_NOW);
  if (!image) { puts(dlerror()); return 1; }
${Array.from({ length: SLOTS }, (_, slot) => `  context.ops[${slot}] = f${slot};`).join("\n")}
  void *second = (void *)0x123456789abcdef0, *third = (void *)0xfedcba9876543210;
  for (int i = 2; i < count; i++) {
    int (*stub)(void *, void *, void *) = dlsym(image, arguments[i]);
    if (!stub) { puts(dlerror()); return 1; }
    called = -1;
    int result = stub(&object, second, third);
    int same = seen[0] == &object && seen[1] == second && seen[2] == third;
    printf("%s %d %d %s\\n", arguments[i], called, result, same ? "same" : "changed");
  }
  return 0;
}
`;

/** What the program must print: the slot of each verb, its result, its arguments unchanged. */
const EXPECTED = NAMES.map(([name, offset]) => `${name} ${offset / 8} ${-offset / 8 - 1} same`);

/** Compiles and runs the program on an image. @param emulator command and arguments before it */
async function callStubs(
  compiler: string,
  emulator: readonly string[],
  image: Uint8Array,
): Promise<string[]> {
  await using directory = await temporaryDirectory();
  const [source, program, library] = ["c", "bin", "so"].map((end) =>
    `${directory.path}/image.${end}`
  );
  await Deno.writeTextFile(source!, PROGRAM);
  await Deno.writeFile(library!, image);
  await run(compiler, ["-o", program!, source!, "-ldl"]);
  const line = [...emulator, program!, library!, ...NAMES.map(([name]) => name)];
  const { stdout } = await run(line[0]!, line.slice(1));
  return stdout.trim().split("\n");
}

skippable("native image: every stub runs on this processor, called from C", async () => {
  const gcc = requireCommand("gcc", "gcc libc6-dev");
  const architecture: Architecture = Deno.build.arch;
  assert.deepEqual(await callStubs(gcc, [], buildVerbsImage(architecture)), EXPECTED);
});

function requireAarch64(): { gcc: string; emulator: string[] } {
  const packages = "qemu-user-static gcc-aarch64-linux-gnu libc6-dev-arm64-cross";
  const gcc = requireCommand("aarch64-linux-gnu-gcc", packages);
  const qemu = requireCommand("qemu-aarch64-static", packages);
  requireFile("/usr/aarch64-linux-gnu/include/stdio.h", `apt-get install ${packages}`);
  return { gcc, emulator: [qemu, "-L", "/usr/aarch64-linux-gnu"] };
}

skippable("native image: every stub runs on aarch64 (emulated), called from C", async () => {
  const { gcc, emulator } = requireAarch64();
  assert.deepEqual(await callStubs(gcc, emulator, buildVerbsImage("aarch64")), EXPECTED);
});

skippable("native image: a stub that jumps through the wrong slot is noticed", async () => {
  const { gcc, emulator } = requireAarch64();
  const image = buildVerbsImage("aarch64");
  const words = new Uint32Array(image.buffer, 0, Math.floor(image.length / 4));
  const jump = words.indexOf(0xd61f_0200);
  assert.ok(jump > 0, "no br x16 in the image");
  words[jump - 1]! += 1 << 10; // the immediate of the load before it, in units of 8 bytes
  const lines = await callStubs(gcc, emulator, image);
  assert.equal(lines.filter((line, index) => line !== EXPECTED[index]).length, 1);
});

const THREE_POINTERS = { parameters: ["pointer", "pointer", "pointer"], result: "i32" } as const;

Deno.test("native image: a stub called from Deno passes arguments and result on", () => {
  const memory = mapReserve(4096);
  const words = new BigUint64Array(memory.buffer);
  const seen: bigint[] = [];
  const callback = new Deno.UnsafeCallback(THREE_POINTERS, (...args) => {
    seen.push(...args.map((pointer) => BigInt(Deno.UnsafePointer.value(pointer))));
    return 22;
  });
  const CONTEXT = 1024;
  words[0] = BigInt(memory.address + CONTEXT);
  words[(CONTEXT + IBV_CONTEXT.OPS + IBV_CONTEXT_OPS.POST_SEND) / 8] = BigInt(
    Deno.UnsafePointer.value(callback.pointer),
  );
  const first = loadVerbsImage({ post_send: THREE_POINTERS });
  const second = loadVerbsImage({ post_send: THREE_POINTERS });
  const places = [0, 64, 128].map((offset) => memory.address + offset);
  const [object, request, bad] = places.map(pointerAt);
  assert.equal(first.post_send(object!, request!, bad!), 22);
  assert.equal(second.post_send(object!, request!, bad!), 22);
  assert.deepEqual(seen.map(Number), [...places, ...places]);
  callback.close();
  unmap(memory);
});
