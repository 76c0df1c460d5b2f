// deno-lint-ignore-file no-console -- a program: its output is its purpose
/**
 * Ways to call a verb that has no symbol, on a fake queue pair whose post_send is a leaf function
 * of libc: the emitted image, libffi, Deno.UnsafeFnPointer; and that function as a symbol, below
 * which nothing can get.
 *
 *     deno run -A bench/inline_verbs.ts [--calls 2000000] [--rounds 5]
 *
 * Prints the nanoseconds of one call (median of the rounds, ways interleaved) and what the image
 * costs to load.
 */
import { parseArgs } from "node:util";
import { mapReserve } from "../src/ffi/libc.ts";
import { loadVerbsImage } from "../src/ffi/native_image.ts";
import { type NativePointer, pointerAt } from "../src/ffi/pointer.ts";
import { IBV_CONTEXT, IBV_CONTEXT_OPS } from "../src/ffi/verbs_layout.ts";
import { median } from "./measurement.ts";

const { values } = parseArgs({
  args: Deno.args,
  options: {
    calls: { type: "string", default: "2000000" },
    rounds: { type: "string", default: "5" },
  },
});
const callsPerRound = Number(values.calls);
const rounds = Number(values.rounds);

const POST_SEND = { parameters: ["pointer", "pointer", "pointer"], result: "i32" } as const;
type PostSend = (queuePair: NativePointer, request: NativePointer, bad: NativePointer) => number;

const libc = Deno.dlopen("libc.so.6", {
  dlsym: { parameters: ["pointer", "buffer"], result: "pointer" },
  dlopen: { parameters: ["buffer", "i32"], result: "pointer" },
  labs: POST_SEND,
}).symbols;
const cText = (text: string) => new TextEncoder().encode(`${text}\0`);

function symbolAddress(library: string, name: string): number {
  const RTLD_NOW = 2;
  const symbol = libc.dlsym(libc.dlopen(cText(library), RTLD_NOW), cText(name));
  if (symbol === null) throw new Error(`${library} has no ${name}`);
  return Number(Deno.UnsafePointer.value(symbol));
}

const memory = mapReserve(65536);
const words = new Uint32Array(memory.buffer);
const place = (offset: number) => memory.address + offset;

/** Stores a native address as two words, as the data plane does. */
function store(offset: number, address: number): void {
  words[offset >>> 2] = address >>> 0;
  words[(offset >>> 2) + 1] = Math.floor(address / 2 ** 32);
}

const QUEUE_PAIR = 0;
const CONTEXT = 1024;
const REQUEST = 4096;
const BAD = 8192;
const labs = symbolAddress("libc.so.6", "labs");
store(QUEUE_PAIR, place(CONTEXT));
store(CONTEXT + IBV_CONTEXT.OPS + IBV_CONTEXT_OPS.POST_SEND, labs);

/** ffi_call with everything but the request prepared: it and the result go through memory. */
function throughLibffi(): PostSend {
  const CIF = 16384;
  const TYPES = 16640;
  const ARGUMENTS = 16896;
  const VALUES = 17152;
  const RESULT = 17408;
  const DEFAULT_ABI = Deno.build.arch === "x86_64" ? 2 : 1;
  const libffi = Deno.dlopen("libffi.so.8", {
    ffi_prep_cif: { parameters: ["pointer", "i32", "u32", "pointer", "pointer"], result: "i32" },
    ffi_call: { parameters: ["pointer", "pointer", "pointer", "pointer"], result: "void" },
  }).symbols;
  const type = (name: string) => symbolAddress("libffi.so.8", `ffi_type_${name}`);
  for (let index = 0; index < 3; index++) {
    store(TYPES + 8 * index, type("pointer"));
    store(ARGUMENTS + 8 * index, place(VALUES + 8 * index));
  }
  store(VALUES, place(QUEUE_PAIR));
  store(VALUES + 16, place(BAD));
  const [cif, types, target, result, args] = [CIF, TYPES, labs - memory.address, RESULT, ARGUMENTS]
    .map((offset) => pointerAt(place(offset)));
  const int = pointerAt(type("sint32"));
  if (libffi.ffi_prep_cif(cif!, DEFAULT_ABI, 3, int, types!) !== 0) throw new Error("ffi_prep_cif");
  return () => {
    store(VALUES + 8, place(REQUEST));
    libffi.ffi_call(cif!, target!, result!, args!);
    return words[RESULT >>> 2]! | 0;
  };
}

function throughFunctionPointer(): PostSend {
  const pointer = new Deno.UnsafeFnPointer(
    pointerAt(labs) as Deno.PointerObject<typeof POST_SEND>,
    POST_SEND,
  );
  return (queuePair, request, bad) => pointer.call(queuePair, request, bad);
}

const loadStart = performance.now();
const image = loadVerbsImage({ post_send: POST_SEND });
const loadMs = performance.now() - loadStart;

/** Each way has a loop of its own, compiled for it alone: a shared one would not be inlined. */
function measured(name: string, call: PostSend, calls: number) {
  const loop = new Function(
    "call",
    "calls",
    "queuePair",
    "request",
    "bad",
    `// ${name}
    let sum = 0;
    for (let index = 0; index < calls; index++) sum += call(queuePair, request, bad);
    return sum;`,
  ) as (call: PostSend, calls: number, ...pointers: NativePointer[]) => number;
  const pointers = [QUEUE_PAIR, REQUEST, BAD].map((offset) => pointerAt(place(offset)));
  const expected = call(pointers[0]!, pointers[1]!, pointers[2]!);
  const run = () => {
    const start = performance.now();
    const sum = loop(call, calls, ...pointers);
    const nanoseconds = (performance.now() - start) * 1e6 / calls;
    if (sum !== expected * calls) throw new Error(`${name} gave a wrong result`);
    return nanoseconds;
  };
  return { name, run, results: [] as number[] };
}

const ways = [
  measured("a symbol, no indirection", libc.labs, callsPerRound),
  measured("emitted image", image.post_send, callsPerRound),
  measured("libffi ffi_call", throughLibffi(), callsPerRound / 4),
  measured("Deno.UnsafeFnPointer", throughFunctionPointer(), callsPerRound / 20),
];
for (const way of ways) way.run();
for (let round = 0; round < rounds; round++) {
  for (const way of ways) way.results.push(way.run());
}
for (const { name, results } of ways) {
  console.log(`${name.padEnd(26)} ${median(results).toFixed(1).padStart(8)} ns a call`);
}
console.log(`loading the image ${loadMs.toFixed(2)} ms`);
