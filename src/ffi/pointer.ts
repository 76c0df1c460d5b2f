/**
 * Native addresses as JS numbers (user addresses stay below 2^47), and the one pointer object that
 * the data plane passes to native code. Reading native memory field by field is for the control
 * plane only; the data plane wraps it once ({@link wrapMemory} of libc.ts).
 */

/** A native address as FFI calls of the data plane take it. Opaque; made once, used often. */
export type NativePointer = Deno.PointerObject;

/**
 * The pointer object of a native address. Costs about 0.2 µs and an allocation: make it once.
 * @throws RangeError for address 0
 */
export function pointerAt(address: number): NativePointer {
  const pointer = Deno.UnsafePointer.create(BigInt(address));
  if (pointer === null) throw new RangeError("Address 0 has no pointer");
  return pointer;
}

/** Reads fields of the struct at `address`; the caller guarantees that it is alive. */
export function structAt(address: number): Deno.UnsafePointerView {
  return new Deno.UnsafePointerView(pointerAt(address));
}

/** The address in a pointer field `offset` bytes into a struct; 0 for NULL. */
export function addressField(struct: Deno.UnsafePointerView, offset: number): number {
  return Number(struct.getBigUint64(offset));
}

/** A copy of `length` bytes at `address`. */
export function copyBytes(address: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  if (length > 0) structAt(address).copyInto(bytes);
  return bytes;
}
