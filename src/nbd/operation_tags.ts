/** Tags of the ring operations of a connection: which one a completion belongs to. */
export const TAG = { RECEIVE: 0, SEND: 1, SHUTDOWN: 2, CLOSE: 3 } as const;
