/** What can be completed: by the program, and in the three shells as people type. */
import assert from "node:assert/strict";
import { run } from "../support/process.ts";
import { programShellWords, repositoryRoot } from "../support/program.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { capture } from "./capture.ts";
import { FakeControl } from "./fake_control.ts";
import { HOSTILE_STATUS, SCRATCH } from "./hostile_status.ts";

/** The words that are offered after these. */
async function offered(...words: string[]): Promise<string[]> {
  const { code, out, err } = await capture(["complete", ...words]);
  assert.deepEqual([code, err], [0, ""]);
  return out.split("\n").filter((line) => line !== "").map((line) => line.split("\t")[0]!);
}

Deno.test("complete offers verbs, sides and things, and what goes with those that were said", async () => {
  const first = await offered("");
  for (const word of ["list", "apply", "client", "server", "mapping", "path"]) {
    assert.ok(first.includes(word), word);
  }
  assert.ok(!first.includes("complete"));
  assert.deepEqual(await offered("re"), [
    "remap",
    "resize",
    "recover",
    "revalidate",
    "reconnect",
    "readd",
  ]);
  assert.deepEqual(await offered("server", "path", ""), ["list", "show", "dump", "disconnect"]);
  assert.deepEqual(await offered("export", "c"), ["close"]);
});

Deno.test("complete offers options that are not there yet, their values, and columns", async () => {
  assert.deepEqual(await offered("unmap", "scratch", "--w"), ["--wait"]);
  assert.deepEqual(await offered("unmap", "scratch", "--wait", "--w"), []);
  assert.deepEqual(await offered("list", "-o", ""), ["table", "json", "csv", "xml"]);
  assert.deepEqual(await offered("bench", "m", "--rw", "rand"), [
    "randread",
    "randwrite",
    "randrw",
  ]);
  assert.deepEqual(await offered("list", "mappings", "name,sta"), ["name,state"]);
  assert.deepEqual(await offered("list", "--columns", "name,sta"), ["name,state"]);
  assert.deepEqual(await offered("list", "paths", "+hca_p"), ["+hca_port"]);
  assert.deepEqual(await offered("list", "mappings", "-devn"), ["-devname"]);
  assert.deepEqual(await offered("set", "backup", "mpath_policy=min-i"), [
    "mpath_policy=min-inflight",
  ]);
  assert.deepEqual(await offered("list", "client", "ses"), ["session", "sessname"]);
  assert.ok((await offered("help", "")).includes("columns"));
});

Deno.test("complete offers live names, none that cannot be typed, and never fails", async () => {
  await using fake = await FakeControl.start();
  const at = ["--socket", fake.socket];
  assert.deepEqual(await offered("unmap", ...at, ""), ["scratch", "fast"]);
  assert.deepEqual(await offered("unmap", ...at, "sc"), ["scratch"]);
  assert.deepEqual(await offered("adopt", ...at, ""), ["fast"]);
  assert.deepEqual(await offered("map", ...at, "x", "from", ""), ["backup", "rdma"]);
  assert.deepEqual(await offered("path", "delete", ...at, "rdma", "ip"), [
    "ip:192.0.2.2,ip:192.0.2.1",
  ]);
  assert.deepEqual(await offered("close", ...at, "/"), ["/srv/disk0.img", "/srv/disk1.img"]);
  assert.deepEqual(await offered("close", ...at, "/srv/disk0.img", "st"), ["store-2"]);
  assert.deepEqual(await offered("show", "session", ...at, "b"), ["backup"]);
  assert.ok((await offered("recover", ...at, "")).includes("all"));
  assert.deepEqual(await offered("unmap", "--socket", "/nowhere/s", ""), []);
  assert.deepEqual(await offered("unmap", "--config", "/nowhere/c.toml", ""), []);
  assert.deepEqual(await offered("frobnicate", "x", ""), await offered(""));
});

/** What shells take apart, expand and replace. */
const HARD = "vm!1 $x:y";

/** A folder with a command `rnbd-appliance` that is this tree's program. */
async function withCommand(body: (path: string, socket: string) => Promise<void>): Promise<void> {
  await using fake = await FakeControl.start();
  const mappings = [...HOSTILE_STATUS.mappings, { ...SCRATCH, name: HARD }];
  fake.status = { ...HOSTILE_STATUS, mappings };
  await using directory = await temporaryDirectory();
  const command = `${directory.path}/rnbd-appliance`;
  Deno.writeTextFileSync(command, `#!/bin/sh\nexec ${programShellWords()} "$@"\n`, { mode: 0o755 });
  await body(`${directory.path}:${Deno.env.get("PATH")}`, fake.socket);
}

/** `[command line up to the cursor, what is offered]`; SOCKET stands for where the fake listens. */
const TYPED: readonly [string, readonly string[]][] = [
  ["reco", ["reconnect", "recover"]],
  ["unmap --socket SOCKET ", ["fast", "scratch", HARD]],
  ["unmap --socket SOCKET sc", ["scratch"]],
  ["unmap --w", ["--wait"]],
  ["export cl", ["close"]],
  ["list mappings --socket SOCKET name,last_errn", ["name,last_errno"]],
  ["unmap --socket SOCKET f", ["fast"]],
  ["unmap --socket SOCKET vm", [HARD]],
  ["path delete rdma --socket SOCKET ip:192.0.2.2,ip", ["ip:192.0.2.2,ip:192.0.2.1"]],
];

const lineOf = (typed: string, socket: string) =>
  `rnbd-appliance ${typed.replace("SOCKET", socket)}`;

/** Takes command lines and gives, for each, what is offered, one a line, then an empty line. */
async function assertOffers(
  ask: (line: string) => Promise<string>,
  socket: string,
  replaced: (line: string) => number = () => 0,
): Promise<void> {
  for (const [typed, words] of TYPED) {
    const line = lineOf(typed, socket);
    const found = (await ask(line)).split("\n").map((one) => one.split("\t")[0]!.trim())
      .filter((one) => one !== "").toSorted();
    assert.deepEqual(found, words.map((word) => word.slice(replaced(line))).toSorted(), typed);
  }
}

skippable("bash completes", async () => {
  const bash = requireCommand("bash", "bash");
  await withCommand(async (PATH, socket) => {
    // Takes the line apart as readline does, with bash's own word breaks.
    const script = `source "$1"
      COMP_LINE=$2; COMP_POINT=\${#2}; COMP_WORDS=(); COMP_TYPE=9
      rest=$2
      while [[ -n $rest ]]; do
        if [[ $rest =~ ^[[:space:]]+ ]]; then rest=\${rest#"\${BASH_REMATCH[0]}"}
        elif [[ $rest =~ ^[:=@]+ ]]; then COMP_WORDS+=("\${BASH_REMATCH[0]}"); rest=\${rest#"\${BASH_REMATCH[0]}"}
        elif [[ $rest =~ ^[^[:space:]:=@]+ ]]; then COMP_WORDS+=("\${BASH_REMATCH[0]}"); rest=\${rest#"\${BASH_REMATCH[0]}"}
        fi
      done
      [[ $2 == *[[:space:]] ]] && COMP_WORDS+=("")
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
      _rnbd_appliance
      for one in "\${COMPREPLY[@]}"; do eval "printf '%s\\n' $one"; done`;
    const file = `${repositoryRoot}completions/rnbd-appliance.bash`;
    const ask = async (line: string) =>
      (await run(bash, ["--norc", "-c", script, "bash", file, line], { env: { PATH } })).stdout;
    // What comes after the last colon is all that bash replaces.
    const last = (line: string) => {
      const word = line.split(" ").at(-1)!;
      return word.lastIndexOf(":") + 1;
    };
    await assertOffers(ask, socket, last);
  });
});

skippable("fish completes", async () => {
  const fish = requireCommand("fish", "fish");
  await withCommand(async (PATH, socket) => {
    const file = `${repositoryRoot}completions/rnbd-appliance.fish`;
    const script = "source $argv[1]; complete -C $argv[2]";
    const ask = async (line: string) =>
      (await run(fish, ["--no-config", "-c", script, file, line], { env: { PATH } })).stdout;
    await assertOffers(ask, socket);
  });
});

skippable("zsh completes", async () => {
  const zsh = requireCommand("zsh", "zsh");
  await withCommand(async (PATH, socket) => {
    // A shell in a pseudo terminal that lists what compadd is given, in place of showing it.
    const script = `zmodload zsh/zpty
      zpty shell zsh -f -i
      wait_for() { repeat 300; do [[ -e $1 ]] && grep -q "$2" $1 && break; sleep 0.05; done }
      zpty -w shell "autoload -Uz compinit; compinit -u -D; source $1"
      zpty -w shell 'compadd() {
        local -a hits
        if [[ "$*" == *" -O "* || "$*" == *" -A "* || "$*" == *" -D "* ]]; then
          builtin compadd "$@"; return
        fi
        builtin compadd -O hits "$@"
        print -l -- $hits ">>" >> $OFFERS
        builtin compadd "$@"
      }'
      zpty -w shell "print ready > $2"
      wait_for $2 ready
      for line in "\${@:3}"; do
        rm -f $2
        zpty -w shell "OFFERS=$2"
        zpty -w -n shell "$line"$'\\t'
        wait_for $2 '>>'
        sleep 0.1
        grep -v '^>>$' $2 | sort -u
        print -r -- '>>'
        # Away with the line, as Ctrl-U does it.
        zpty -w shell $'\\x15'
      done
      zpty -d shell`;
    await using directory = await temporaryDirectory();
    const file = `${repositoryRoot}completions/_rnbd-appliance`;
    const lines = TYPED.map(([typed]) => lineOf(typed, socket));
    const args = ["-f", "-c", script, "zsh", file, `${directory.path}/offers`, ...lines];
    const { stdout } = await run(zsh, args, { env: { PATH, TERM: "xterm" } });
    const answers = stdout.split(">>\n").map((text) =>
      text.split("\n").filter((one) => one !== "")
    );
    for (const [index, [typed, words]] of TYPED.entries()) {
      assert.deepEqual(answers[index]!.toSorted(), words.toSorted(), typed);
    }
  });
});
