/**
 * Events about the config files being read again: `begun`, and then one of the others. Whoever
 * hears of what happens goes by these names.
 */
export const RELOAD_EVENTS = {
  begun: "reloading",
  done: "config taken over",
  /** The files have errors, which were told of before. */
  refused: "the config before it goes on",
} as const;
