/** Stops one thread of another process, as nothing but a debugger can: ptrace(2). */
import { SkipTest } from "../support/skip.ts";
import { sleep } from "../support/process.ts";

const library = Deno.dlopen("libc.so.6", {
  ptrace: { parameters: ["i64", "i64", "usize", "usize"], result: "i64" },
}).symbols;

const PTRACE_SEIZE = 0x4206n;
const PTRACE_INTERRUPT = 0x4207n;
const PTRACE_DETACH = 17n;
const STOP_MS = 100;

/** Threads of a process whose name begins so. */
export function threadsCalled(pid: number, name: string): number[] {
  return [...Deno.readDirSync(`/proc/${pid}/task`)]
    .map(({ name: tid }) => Number(tid))
    .filter((tid) => Deno.readTextFileSync(`/proc/${pid}/task/${tid}/comm`).startsWith(name));
}

/**
 * Stops a thread until the result is disposed.
 * @throws SkipTest where this machine does not let us
 */
export async function stopThread(tid: number): Promise<Disposable> {
  if (library.ptrace(PTRACE_SEIZE, BigInt(tid), 0n, 0n) !== 0n) {
    throw new SkipTest("ptrace is not allowed here", "run the tests as root, without a sandbox");
  }
  library.ptrace(PTRACE_INTERRUPT, BigInt(tid), 0n, 0n);
  // It stops at its next way out of the kernel; what it waits in is interrupted.
  await sleep(STOP_MS);
  return { [Symbol.dispose]: () => void library.ptrace(PTRACE_DETACH, BigInt(tid), 0n, 0n) };
}
