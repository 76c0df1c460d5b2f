/** How much of a heap some I/Os took. */

/** A number of I/Os without a collection of garbage. */
export interface HeapStretch {
  readonly ios: number;
  /** By how much the heap of the thread that carried them grew. Negative after a collection. */
  readonly grownBytes: number;
}

/** The least object has 16. */
const LEFT_PER_IO_MAX_BYTES = 1;

/** Bytes that each I/O left, on average. */
export const leftPerIo = ({ ios, grownBytes }: HeapStretch): number => grownBytes / ios;

/**
 * True when the I/Os left nothing. To look at a heap takes some hundred bytes of it: without any
 * growth it was not looked at. After a collection nobody knows.
 */
export const isClean = (stretch: HeapStretch): boolean =>
  stretch.grownBytes > 0 && leftPerIo(stretch) < LEFT_PER_IO_MAX_BYTES;
