/**
 * io_uring seen from JS: SQEs are written and CQEs read straight in the mapped rings. A completion
 * finds its way by its user data: low word = handler id and tag, high word = an argument.
 */
import { close, mapDescriptor, type Mapping, unmap } from "../ffi/libc.ts";
import { openUring, type Uring } from "../ffi/liburing.ts";
import { describeErrno, ERRNO } from "../ffi/errno.ts";
import { ENTER, OP, SETUP, SQ_FLAG, SQE } from "./opcodes.ts";
import { RING_HANDLERS_MAX } from "./limits.ts";

/** Receives the completions of the operations it submitted; one object per socket, disk, … */
export interface CompletionHandler {
  /**
   * @param tag the number given to {@link Ring.prepare}: which kind of operation ended
   * @param argument the other number given there: which one of them
   * @param result the operation's result, or -errno
   * @param flags CQE_FLAG bits
   */
  onCompletion(tag: number, argument: number, result: number, flags: number): void;
}

/** Offsets (32-bit words) in io_uring_params: 40 bytes of heads, then sq_off and cq_off. */
const PARAMS = { SQ_ENTRIES: 0, CQ_ENTRIES: 1, FLAGS: 2, SQ_OFF: 10, CQ_OFF: 20, WORDS: 30 };
/** Word offsets in io_sqring_offsets and io_cqring_offsets. */
const SQ_OFF = { HEAD: 0, TAIL: 1, RING_MASK: 2, FLAGS: 4, ARRAY: 6 };
const CQ_OFF = { HEAD: 0, TAIL: 1, RING_MASK: 2, OVERFLOW: 4, CQES: 5 };
const IORING_OFF_SQES = 0x1000_0000;
const CQE_BYTES = 16;
/** Bytes of an entry: twice as many with SETUP.SQE128. */
const SQE_BYTES = 64;

/** Nobody's completions: cancels and wake-ups whose result does not matter. */
const IGNORED: CompletionHandler = { onCompletion: () => {} };

/** Throws with the reason and the next step when io_uring cannot be had. */
function explainSetupFailure(errno: number): never {
  const next = errno === ERRNO.ENOSYS
    ? "this kernel has no io_uring; Linux 6.0 or newer is needed"
    : errno === ERRNO.EPERM
    ? "io_uring is forbidden here; see /proc/sys/kernel/io_uring_disabled and the seccomp profile"
    : errno === ERRNO.ENOMEM
    ? "raise the limit on locked memory (ulimit -l)"
    : errno === ERRNO.EINVAL
    ? "this kernel is too old; Linux 6.1 or newer is needed"
    : "see io_uring_setup(2)";
  throw new Error(`io_uring_setup failed: ${describeErrno(errno)}: ${next}`);
}

/** One io_uring instance. All calls come from the thread that made it. */
export class Ring {
  readonly fd: number;
  /** The SQE array as words; {@link prepare} returns an index into it. */
  readonly sqe: Int32Array<ArrayBuffer>;
  /** io_uring_enter calls so far. */
  enters = 0;
  private readonly uring: Uring;
  private readonly words: Uint32Array<ArrayBuffer>;
  private readonly mappings: Mapping[];
  /** DEFER_TASKRUN: all completions are written by this thread, in {@link enter}. */
  private readonly isOwnWriter: boolean;
  private readonly sqHeadAt: number;
  private readonly sqTailAt: number;
  private readonly sqFlagsAt: number;
  private readonly sqEntries: number;
  private readonly sqMask: number;
  /** Words of an entry as a power of two: 16, or 32 with SETUP.SQE128. */
  private readonly sqeShift: number;
  private readonly cqHeadAt: number;
  private readonly cqTailAt: number;
  private readonly cqMask: number;
  private readonly cqes: Int32Array<ArrayBuffer>;
  private sqTail: number;
  private pending = 0;
  private cqHead: number;
  private readonly handlers: CompletionHandler[] = [IGNORED];
  private readonly freeHandlers: number[] = [];

  /**
   * @param entries submission queue size; the completion queue is four times as long
   * @param flags SETUP bits besides CQSIZE and SUBMIT_ALL
   */
  constructor(entries: number, flags: number) {
    this.uring = openUring();
    this.isOwnWriter = (flags & SETUP.DEFER_TASKRUN) !== 0;
    const parameters = new Uint32Array(PARAMS.WORDS);
    parameters[PARAMS.FLAGS] = flags | SETUP.CQSIZE | SETUP.SUBMIT_ALL;
    parameters[PARAMS.CQ_ENTRIES] = entries * 4;
    this.fd = this.uring.setup(entries, new Uint8Array(parameters.buffer));
    if (this.fd < 0) explainSetupFailure(-this.fd);
    const sq = parameters.subarray(PARAMS.SQ_OFF, PARAMS.CQ_OFF);
    const cq = parameters.subarray(PARAMS.CQ_OFF);
    this.sqEntries = parameters[PARAMS.SQ_ENTRIES]!;
    const cqEntries = parameters[PARAMS.CQ_ENTRIES]!;
    const ringBytes = Math.max(
      sq[SQ_OFF.ARRAY]! + this.sqEntries * 4,
      cq[CQ_OFF.CQES]! + cqEntries * CQE_BYTES,
    );
    const ring = mapDescriptor(this.fd, 0, ringBytes);
    const isLarge = (flags & SETUP.SQE128) !== 0;
    const sqeBytes = isLarge ? 2 * SQE_BYTES : SQE_BYTES;
    this.sqeShift = isLarge ? 5 : 4;
    const sqes = mapDescriptor(this.fd, IORING_OFF_SQES, this.sqEntries * sqeBytes);
    this.mappings = [ring, sqes];
    this.words = new Uint32Array(ring.buffer, 0, ringBytes >> 2);
    this.sqe = new Int32Array(sqes.buffer);
    this.sqHeadAt = sq[SQ_OFF.HEAD]! >> 2;
    this.sqTailAt = sq[SQ_OFF.TAIL]! >> 2;
    this.sqFlagsAt = sq[SQ_OFF.FLAGS]! >> 2;
    this.sqMask = this.words[sq[SQ_OFF.RING_MASK]! >> 2]!;
    this.cqHeadAt = cq[CQ_OFF.HEAD]! >> 2;
    this.cqTailAt = cq[CQ_OFF.TAIL]! >> 2;
    this.cqMask = this.words[cq[CQ_OFF.RING_MASK]! >> 2]!;
    this.cqes = new Int32Array(ring.buffer, cq[CQ_OFF.CQES]!, cqEntries * 4);
    // The indirection array is the identity for ever: entry i is SQE i.
    const array = sq[SQ_OFF.ARRAY]! >> 2;
    for (let i = 0; i < this.sqEntries; i++) this.words[array + i] = i;
    this.sqTail = this.words[this.sqTailAt]!;
    this.cqHead = this.words[this.cqHeadAt]!;
  }

  /** Which library the system calls come from. */
  get library(): string {
    return this.uring.library;
  }

  /** Gives `handler` an id for {@link prepare}. */
  addHandler(handler: CompletionHandler): number {
    const id = this.freeHandlers.pop() ?? this.handlers.length;
    if (id >= RING_HANDLERS_MAX) throw new RangeError(`Ring has ${RING_HANDLERS_MAX} handlers`);
    this.handlers[id] = handler;
    return id;
  }

  /** Takes the id back. The caller has seen the completion of everything it submitted under it. */
  removeHandler(id: number): void {
    this.handlers[id] = IGNORED;
    this.freeHandlers.push(id);
  }

  /**
   * Takes the next SQE, zeroes its 64 bytes but for the given fields, and returns its word index
   * in {@link sqe}, so that the caller can set more. Submits first when the queue is full. The
   * upper half of a 128-byte entry means something to URING_CMD only, whose caller fills it.
   * @param opcodeFlags opcode | sqe flags << 8 | ioprio << 16
   * @param address native address: low word, high word
   */
  prepare(
    opcodeFlags: number,
    fd: number,
    addressLow: number,
    addressHigh: number,
    length: number,
    handlerId: number,
    tag: number,
    argument: number,
  ): number {
    if (this.pending === this.sqEntries) this.submit();
    const at = ((this.sqTail + this.pending) & this.sqMask) << this.sqeShift;
    this.pending++;
    const sqe = this.sqe;
    sqe[at] = opcodeFlags;
    sqe[at + SQE.FD] = fd;
    sqe[at + SQE.OFFSET_LOW] = 0;
    sqe[at + SQE.OFFSET_HIGH] = 0;
    sqe[at + SQE.ADDRESS_LOW] = addressLow;
    sqe[at + SQE.ADDRESS_HIGH] = addressHigh;
    sqe[at + SQE.LENGTH] = length;
    sqe[at + SQE.OP_FLAGS] = 0;
    sqe[at + SQE.USER_DATA_LOW] = handlerId | (tag << 16);
    sqe[at + SQE.USER_DATA_HIGH] = argument;
    sqe[at + 10] = 0;
    sqe[at + 11] = 0;
    sqe[at + 12] = 0;
    sqe[at + 13] = 0;
    sqe[at + 14] = 0;
    sqe[at + 15] = 0;
    return at;
  }

  /** Asks the kernel to cancel the operation with this user data; its own result is ignored. */
  cancel(handlerId: number, tag: number, argument: number): void {
    this.prepare(OP.ASYNC_CANCEL, -1, handlerId | (tag << 16), argument, 0, 0, 0, 0);
  }

  /** Submits what was prepared, without waiting. */
  submit(): void {
    this.enter(0);
  }

  /** Submits what was prepared and waits for `count` completions; -EINTR is not an error. */
  submitAndWait(count: number): void {
    this.enter(count);
  }

  /** Makes the prepared SQEs visible to the kernel; returns how many. */
  private publish(): number {
    const submit = this.pending;
    if (submit > 0) {
      this.sqTail = (this.sqTail + submit) >>> 0;
      this.pending = 0;
      // Read by this thread, in the enter that follows.
      this.words[this.sqTailAt] = this.sqTail;
    }
    return submit;
  }

  private enter(wait: number): void {
    const submit = this.publish();
    this.enters++;
    const result = this.uring.enter(this.fd, submit, wait, ENTER.GETEVENTS, null);
    if (result < 0 && result !== -ERRNO.EINTR) this.retry(result, wait);
  }

  /** The kernel was out of room for completions: reaps some and submits what is left. */
  private retry(failure: number, wait: number): void {
    let result = failure;
    while (result < 0 && result !== -ERRNO.EINTR) {
      if (result !== -ERRNO.EBUSY && result !== -ERRNO.EAGAIN) {
        throw new Error(`io_uring_enter failed: ${describeErrno(-result)}`);
      }
      if (this.dispatch() === 0) throw new Error("io_uring_enter says EBUSY with nothing to reap");
      const left = (this.sqTail - this.words[this.sqHeadAt]!) >>> 0;
      result = this.uring.enter(this.fd, left, wait, ENTER.GETEVENTS, null);
    }
  }

  /** True when operations were prepared that the kernel has not been told of. */
  hasUnsubmitted(): boolean {
    return this.pending > 0;
  }

  /** True when completions are there to {@link dispatch}. */
  hasCompletions(): boolean {
    return this.words[this.cqTailAt]! !== this.cqHead;
  }

  /** True when the kernel has work that becomes completions at the next enter (DEFER_TASKRUN). */
  hasDeferredWork(): boolean {
    return (Atomics.load(this.words, this.sqFlagsAt) & (SQ_FLAG.TASKRUN | SQ_FLAG.CQ_OVERFLOW)) !==
      0;
  }

  /** Delivers every completion that is there; returns how many. */
  dispatch(): number {
    const cqes = this.cqes;
    const { words } = this;
    const tail = this.isOwnWriter ? words[this.cqTailAt]! : Atomics.load(words, this.cqTailAt);
    let count = 0;
    // A handler may throw or dispatch again, so the place is kept in the object.
    while (((tail - this.cqHead) | 0) > 0) {
      const at = (this.cqHead & this.cqMask) << 2;
      const low = cqes[at]!;
      const argument = cqes[at + 1]!;
      const result = cqes[at + 2]!;
      const flags = cqes[at + 3]!;
      this.cqHead = (this.cqHead + 1) >>> 0;
      count++;
      this.handlers[low & 0xffff]!.onCompletion((low >>> 16) & 0xffff, argument, result, flags);
    }
    if (this.isOwnWriter) words[this.cqHeadAt] = this.cqHead;
    else Atomics.store(words, this.cqHeadAt, this.cqHead);
    return count;
  }

  /** io_uring_register; returns its result or -errno. */
  register(opcode: number, argument: Uint8Array<ArrayBuffer>, count: number): number {
    return this.uring.register(this.fd, opcode, argument, count);
  }

  /** Unmaps and closes the ring. Its views must not be used any more. */
  close(): void {
    for (const mapping of this.mappings) unmap(mapping);
    close(this.fd);
  }
}
