/** What the command line says to words that make no sense, and what help there is. */
import assert from "node:assert/strict";
import { SHOWN_VERBS } from "../../src/cli/verbs.ts";
import { capture } from "./capture.ts";

/** `[words, message]` */
const WRONG: readonly [string, RegExp][] = [
  ["statsu", /^rnbd-appliance: There is no verb "statsu"; did you mean "status"\?\nSee: /],
  ["frobnicate", /There is no verb "frobnicate"\n/],
  ["help mapp", /There is no verb "mapp"; did you mean "map"\?/],
  ["check", /--config FILE is missing\nSee: rnbd-appliance help check\n$/],
  ["check --config", /--config needs a value: FILE/],
  ["check --config a --config b", /--config is given twice/],
  ["check --config a b", /"b" is one word too many/],
  ["check --confg a", /check has no option "--confg"; did you mean --config\?/],
  ["--config x frobnicate", /There is no verb "frobnicate"/],
  ["--frob", /run has no option "--frob"/],
  ["--log-level info", /--config FILE is missing/],
  ["--config x --log-level loud", /--log-level: "loud" is unknown; use "error"/],
  ["status -o yaml", /--output: "yaml" is unknown; use "table", "json", "csv" or "xml"/],
  ["status -x", /status has no option "-x"/],
  ["status extra", /"extra" is one word too many/],
  ["status --socket a --config b", /--socket and --config both say/],
  ["map", /DEVICE_PATH is missing: path of the device/],
  ["map d", /--sessname SESSNAME is missing; or write: from SERVER/],
  ["map ../d --sessname s", /DEVICE_PATH: holds "\.\."/],
  ["map d --sessname a.b", /--sessname: holds "\."/],
  ["map d --sessname s --path ip:rdma0", /--path: "ip:rdma0": "rdma0" is wrong/],
  ["map d --sessname s --path tcp:::1,ip:::2", /because the destination is one/],
  ["map d --sessname s --path 127.0.0.1", /write "ip:127.0.0.1" for RDMA, or "tcp:127.0.0.1"/],
  ["map d --sessname s --dest-port 1", /--dest-port says nothing without --path/],
  [
    "map d --sessname s --path tcp:::1 --dest-port 0",
    /--dest-port: "0" is not a whole number from 1/,
  ],
  ["map d --sessname s --access_mode x", /--access-mode: "x" is unknown; use "ro"/],
  ["map d --sessname s --expose ublkk", /--expose: "ublkk" is unknown; did you mean "ublk"\?/],
  ["map d --sessname s --expose disk", /--expose: "disk" is unknown; use "auto", "ublk" or "nbd"/],
  ["unmap", /NAME is missing/],
  ["unmap m --force=yes", /--force takes no value/],
  ["remap", /NAME is missing/],
  ["resize m 10kb", /SIZE: "10kb" is no size of a device; write for example 20GiB/],
  ["resize m 1000", /SIZE: "1000" is no size of a device; .* a multiple of 512/],
  ["resize m 0", /SIZE: "0" is no size/],
  ["path reconect s", /There is no verb "reconect" for path; did you mean "reconnect"\?/],
  ["path bench s", /There is no verb "bench" for path; use list, show, dump, /],
  ["server map", /There is no verb "map" for server; /],
  ["re", /"re" can mean readd, reconnect, recover, remap, resize, revalidate; write more of it/],
  ["session re x", /"re" can mean reconnect, recover, remap; write more/],
  ["s", /"s" can mean server, session, set, show, status; write more/],
  ["list s", /"s" can mean server, session; write more/],
  ["server mapping", /There is no verb "mapping" for server/],
  ["help re", /"re" can mean /],
  ["list nmae", /There is no column "nmae"; did you mean "name"\?/],
  [
    "list paths name",
    /There is no column "name"; /,
  ],
  [
    "list +frob",
    /There is no column "frob"; see "help columns", or use for example name, sessname, /,
  ],
  ["list -frob", /There is no column "frob"/],
  ["list --units KiB", /--units: "KiB" is unknown; use "B", "K", /],
  ["list prec=x", /--precision: "x" is not a whole number from 0 to 9/],
  ["list json csv", /csv is given twice/],
  ["status --timeout 1", /--timeout says nothing without --wait/],
  ["unmap m --timeout 1", /--timeout says nothing without --wait/],
  ["path reconnect", /SESSION is missing/],
  ["path reconnect s tcp:x", /PATH: "tcp:x": "x" is wrong/],
  ["path add s", /PATH is missing/],
  ["path add s udp:1", /PATH: "udp:1": expected a prefix/],
  ["add a.b tcp:::1", /SESSION: holds "\."/],
  ["set s", /KEY=VALUE is missing/],
  ["set s mp", /"mp" is no KEY=VALUE/],
  ["set s mpath_polcy=rr", /"mpath_polcy" cannot be set; did you mean "mpath_policy"\?/],
  ["set s mpath_policy=rq", /mpath_policy: "rq" is unknown; did you mean "rr"\?/],
  ["set s max_reconnect_attempts=-2", /"-2" is not -1 \(for ever\) or a whole number to 9999/],
  ["set s mpath_policy=rr mpath_policy=mi", /mpath_policy is given twice/],
  ["map d from", /"from" needs to be followed by SERVER/],
  ["map d from tcp:x", /SERVER: "tcp:x": "x" is wrong/],
  ["map d ro rw --sessname s", /rw is given twice/],
  ["recover", /NAME is missing/],
  ["recover all m", /"all" says it all/],
  ["adopt m", /--to FILE is missing/],
  ["adopt m --to ../x", /--to: holds "\/"/],
  ["adopt m --to .x", /--to: starts with "\."/],
  ["watch --interval 1ms", /--interval: is shorter than 100 ms/],
  ["inflight --limit 0", /--limit: "0" is not a whole number/],
  ["version now", /"now" is one word too many/],
  ["doctor me", /"me" is one word too many/],
  ["doctor -o pdf", /--output: "pdf" is unknown/],
  ["verify m --bs 4kb", /--bs: "4kb" is no size/],
  ["verify m --iodepth 0", /--iodepth: "0" is not a whole number from 1 to 65535/],
  ["verify m --seed -1", /--seed: "-1" is not a whole number/],
  ["bench m --rw randreed", /--rw: "randreed" is unknown; did you mean "randread"\?/],
  ["bench m --runtime soon", /--runtime: "soon" is no time/],
  ["demo --say", /demo has no option "--say"; did you mean --stay\?/],
];

for (const [words, pattern] of WRONG) {
  Deno.test(`"${words}" is a usage error`, async () => {
    const { code, out, err } = await capture(words.split(" "));
    assert.equal(code, 64);
    assert.match(err, pattern);
    assert.equal(out, "");
  });
}

Deno.test("no words at all show the help on standard error", async () => {
  const { code, out, err } = await capture([]);
  assert.equal(code, 64);
  assert.equal(out, "");
  assert.match(err, /usage:\n {2}rnbd-appliance --config FILE/);
});

Deno.test("every verb has help, by both ways, that names every option", async () => {
  for (const { name, options, positionals } of SHOWN_VERBS) {
    const { code, out } = await capture(["help", name]);
    assert.equal(code, 0);
    assert.deepEqual(await capture([name, "--help"]), { code: 0, out, err: "" });
    for (const option of options) assert.ok(out.includes(`--${option.name}`), option.name);
    for (const positional of positionals) assert.ok(out.includes(positional.name));
    for (const line of out.split("\n")) assert.ok(line.length <= 80, line);
  }
  const general = await capture(["--help"]);
  for (const { name } of SHOWN_VERBS) assert.match(general.out, new RegExp(`\\n {2}${name} `));
});

Deno.test("version says what deno.json says, and what runs", async () => {
  const { version } = JSON.parse(
    Deno.readTextFileSync(new URL("../../deno.json", import.meta.url)),
  );
  const origin = `source, Deno ${Deno.version.deno}, ${Deno.build.arch}`;
  const expected = { code: 0, out: `rnbd-appliance ${version} (${origin})\n`, err: "" };
  assert.deepEqual(await capture(["version"]), expected);
  assert.deepEqual(await capture(["--version"]), expected);
});

Deno.test("words after -- are no options", async () => {
  const { code, err } = await capture(["unmap", "--", "--force", "x"]);
  assert.equal(code, 64);
  assert.match(err, /"x" is one word too many/);
});
