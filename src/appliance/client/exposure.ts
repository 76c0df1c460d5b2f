/** How a mapped disk is made available on this machine: the two ways behind one interface. */

/** See the head of this file. One a mapping. */
export interface Exposure {
  readonly kind: "nbd" | "ublk";
  /** What users open: block device or socket; undefined while there is none. */
  readonly path: string | undefined;
  /** The disk is open for the first time: users may come. @throws Error with the next step */
  open(): Promise<void>;
  /** The disk is open again, maybe with other limits. */
  reopened(): Promise<void>;
  /** The disk has another size. @throws Error when users cannot be told */
  resized(): Promise<void>;
  /** Who uses it, in words that follow "is in use: ". */
  users(): Promise<readonly string[]>;
  /** Its users can wait for the next start of the program, which takes it over. */
  readonly outlivesProgram: boolean;
  /** Takes it away, from those who use it too. */
  close(): Promise<void>;
}
