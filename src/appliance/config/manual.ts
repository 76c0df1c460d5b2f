/**
 * What there is to know about the config besides its keys. `docs/config.md` and the manual page
 * are made of it. Backticks stand around what is typed.
 */

/** A part of the manual: paragraphs, then things with their explanation, then an example. */
export interface ManualSection {
  readonly title: string;
  readonly paragraphs: readonly string[];
  readonly items: readonly { readonly term: string; readonly text: string }[];
  /** TOML; empty: none. */
  readonly example: string;
}

const FILES: ManualSection = {
  title: "Several files",
  paragraphs: [
    "Beside the file there may be a folder `conf.d`. Its files `*.toml` are drop-ins: they are " +
    "read after the file, in the order of their names (compared byte by byte, so number them: " +
    "`10-vm.toml`, `20-backup.toml`), and all together are one configuration. " +
    "`/etc/rnbd/rnbd.toml` is continued by `/etc/rnbd/conf.d/*.toml`. Hidden files, such as " +
    "editors leave, and other names are not read.",
  ],
  items: [
    {
      term: "Lists grow",
      text: "Every `[[session]]`, `[[mapping]]` and `[[server.export]]` of every file counts; a " +
        "mapping may use the session of another file. Mappings are opened in the order of the " +
        "files.",
    },
    {
      term: "Tables are put together",
      text:
        "`[node]`, `[control]` and `[server]` may stand in several files, each with some of the " +
        "keys. Nothing is overridden: a key that two files give is an error that names both " +
        "places, and so is the name of a session or mapping, a device or an export that is there " +
        "twice.",
    },
    {
      term: "All or nothing",
      text: "An error in one file, or a file that cannot be read, makes the whole configuration " +
        "wrong. The errors of the other files are told as well.",
    },
  ],
  example: "# conf.d/10-vm.toml\n" +
    '[[mapping]]\nname = "vm-disk"\nsessname = "backup"\ndevice_path = "vm/disk0.img"\n',
};

const RULES: ManualSection = {
  title: "Rules about several keys",
  paragraphs: [],
  items: [
    {
      term: "queue_depth and max_io_size",
      text:
        "A message names a chunk and a place in it with 28 bits, and a chunk is max_io_size + " +
        "4 KiB: the bits of queue_depth and of the chunk size, both rounded up, are at most 28 " +
        "together. `512` and `128KiB` take 9 + 18.",
    },
    {
      term: "Memory",
      text: "All memory disks together fit in `node.memory_limit`.",
    },
    {
      term: "dev_search_path is required",
      text:
        "The kernel's server takes `/` when nothing is said, which offers every file and disk " +
        "of the machine. Here that has to be written down, and `check` warns of it. `%SESSNAME%` " +
        "is possible once, at the end; the kernel's server ignores what follows it, here that is " +
        "an error.",
    },
    {
      term: "Exports",
      text: "A `memory` or `null` disk needs a `size` and a `device_path` without `*`.",
    },
    {
      term: "The prefix of an address names the carrier",
      text:
        "`ip:` and `gid:` are RDMA as in the originals (`gid:` names an address of the device " +
        "itself), `tcp:` is RDMA framing over TCP, built in. Nothing falls back from one to the " +
        "other: without RDMA an `ip:` listener is an error at the start, and an `ip:` path does " +
        "not connect. Both ends of a path have the same prefix. A server may listen on both " +
        "carriers; RDMA and TCP have ports of their own, so one `port` is right for both. " +
        "`rnbd-appliance doctor` says what a machine lacks.",
    },
    {
      term: "Several paths for a session",
      text:
        "All of them lead to one server, and all are `tcp:`, all `ip:` or all `gid:`. Each has " +
        "addresses of its own. A request whose path is lost is sent again on another one.",
    },
    {
      term: "always_invalidate",
      text: "`true` needs an `ip:` or `gid:` listener.",
    },
    {
      term: "http",
      text:
        "It has a port of its own: not that of a `tcp:` listener at the same address. `check` " +
        "warns when others than this machine reach it.",
    },
    {
      term: "read_only_socket_mode",
      text: "It needs `read_only_socket = true`.",
    },
    {
      term: "Names of mappings",
      text: "They are unique and short enough that `runtime_dir/nbd/NAME.sock` fits in the 107 " +
        "bytes of a Unix socket's path.",
    },
    {
      term: "One mapping for a device",
      text: "The same device under two spellings (`a/b`, `/a//b`) in one session is refused: it " +
        "hangs kernel servers.",
    },
    {
      term: "expose",
      text:
        "`auto` takes ublk where the kernel has it and lets this process use it, else NBD; the " +
        "status says which. `ublk` and `nbd` are taken at their word: what cannot be had is an " +
        "error.",
    },
  ],
  example: "",
};

/** All parts, in their order. */
export const MANUAL: readonly ManualSection[] = [FILES, RULES];
