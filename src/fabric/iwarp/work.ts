/** What a posted message consists of; bits that are combined. */
export const WORK = { WRITE: 1, SEND: 2, INVALIDATE: 4, IMMEDIATE: 8 } as const;
