/** The real program as a service: what it tells, in which order, and what becomes of a bad turn. */
import assert from "node:assert/strict";
import { programCommand } from "../support/program.ts";
import { tryRun, waitFor } from "../support/process.ts";
import { type Appliance, appliance, startAppliance } from "../support/appliance.ts";
import { skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { type Message, NotifyReceiver } from "./notify_receiver.ts";
import { stopThread, threadsCalled } from "./stopped_thread.ts";

/** What happens, without what depends on the machine's speed. */
const kinds = (messages: readonly Message[]) =>
  messages.flatMap((message) =>
    ["READY", "RELOADING", "STOPPING", "ERRNO"].filter((name) => name in message)
  );

interface Service {
  readonly receiver: NotifyReceiver;
  readonly program: Appliance;
  readonly config: string;
}

async function withService(
  env: Record<string, string>,
  body: (service: Service) => Promise<void>,
  isAbstract = false,
): Promise<void> {
  await using directory = await temporaryDirectory();
  const name = isAbstract ? `@rnbd-test-${crypto.randomUUID()}` : `${directory.path}/notify`;
  using receiver = new NotifyReceiver(name);
  const config = `[node]\nruntime_dir = "${directory.path}/run"\nreactors = 2\n`;
  await using program = await startAppliance({
    config,
    directory: directory.path,
    name: "node",
    env: { NOTIFY_SOCKET: name, ...env },
  });
  await body({ receiver, program, config });
}

const closed = '[[session]]\nsessname = "s"\npaths = ["tcp:127.0.0.1"]\ndest_port = 1\n' +
  '[[mapping]]\nsessname = "s"\ndevice_path = "scratch"\nexpose = "nbd"\n';

Deno.test("start, good reload, bad reload, apply, stop", () =>
  withService({}, async ({ receiver, program, config }) => {
    await receiver.find("READY", ({ READY }) => READY === "1");
    assert.deepEqual(receiver.messages.at(-1), {
      READY: "1",
      STATUS: "nothing mapped, nothing served",
    });
    const sayings = () => kinds(receiver.messages);
    Deno.writeTextFileSync(program.configFile, config + closed);
    Deno.kill(program.pid, "SIGHUP");
    await waitFor(() => sayings().length === 3, 10_000, "the reload");
    const isClosed = ({ STATUS }: Message) => STATUS?.endsWith("closed: scratch (ECONNREFUSED)");
    const text = await receiver.find("a closed mapping", (message) => isClosed(message) === true);
    assert.equal(
      text.STATUS,
      "0 of 1 mapping open, 0 of 1 session connected; closed: scratch (ECONNREFUSED)",
    );
    Deno.writeTextFileSync(program.configFile, `${config}colour = 1\n`);
    Deno.kill(program.pid, "SIGHUP");
    await waitFor(() => sayings().length === 5, 10_000, "the bad reload");
    const wrong = /; the config files are wrong, the config before them goes on: .*node\.colour/;
    const lastReady = receiver.messages.findLast(({ READY }) => READY === "1")!;
    assert.match(lastReady.STATUS!, wrong);
    Deno.writeTextFileSync(program.configFile, config);
    const applied = await appliance(["apply", "--config", program.configFile]);
    assert.equal(applied.code, 0, applied.stderr);
    const once = ["READY", "RELOADING"];
    assert.deepEqual(sayings(), [...once, ...once, ...once, "READY"]);
    await program.stop();
    assert.deepEqual(sayings(), [...once, ...once, ...once, "READY", "STOPPING"]);
    assert.equal(receiver.messages.filter(({ STOPPING }) => STOPPING === "1").length, 1);
    const events = program.stderr.split("\n").map((line) => line.split(" ").slice(1, 3).join(" "));
    assert.ok(events.includes("info starting") && events.includes("info ready"), program.stderr);
    assert.deepEqual(events.slice(-3), ["info stopping", "info stopped", ""]);
  }));

Deno.test("an abstract socket, and a watchdog that is fed while it runs", () =>
  withService({ WATCHDOG_USEC: "2000000" }, async ({ receiver }) => {
    const fed = () => receiver.messages.filter(({ WATCHDOG }) => WATCHDOG === "1").length;
    const before = fed();
    await waitFor(() => fed() >= before + 3, 10_000, "food");
  }, true));

skippable(
  "a thread that is stopped is named, and the watchdog starves until it goes on",
  () =>
    withService({ WATCHDOG_USEC: "2000000" }, async ({ receiver, program }) => {
      const since = (from: number) => receiver.messages.slice(from);
      const isFood = ({ WATCHDOG }: Message) => WATCHDOG === "1";
      const [reactor] = threadsCalled(program.pid, "worker-");
      assert.ok(reactor !== undefined, "no thread is called like a Worker");
      let from: number;
      {
        using _stopped = await stopThread(reactor);
        await receiver.find(
          "its name",
          ({ STATUS }) => STATUS?.includes("does not answer") === true,
        );
        from = receiver.messages.length;
        const health = await program.request("GET", "/healthz");
        assert.equal(health.status, 503);
        assert.match(health.text, /^reactor [01] does not answer\n$/);
        // Twice the time after which it would have been ended.
        await new Promise((resolve) => setTimeout(resolve, 4_000));
        assert.deepEqual(since(from).filter(isFood), []);
      }
      await waitFor(() => since(from).some(isFood), 10_000, "food after the pause");
      assert.equal((await program.request("GET", "/healthz")).status, 200);
      assert.match(program.stderr, / error reactor does not answer reactor=[01] silent_ms=500\n/);
      assert.match(program.stderr, / error watchdog not fed reactors=[01] reason=/);
      assert.match(program.stderr, / warn reactor answers again reactor=[01]\n/);
    }),
);

Deno.test("a start that fails says why and with which errno, and never READY", async () => {
  await using directory = await temporaryDirectory();
  using receiver = new NotifyReceiver(`${directory.path}/notify`);
  const file = `${directory.path}/node.toml`;
  Deno.writeTextFileSync(file, "[node]\nreactors = 0\n");
  const { command, args } = programCommand(["--config", file]);
  const { code } = await tryRun(command, args, { env: { NOTIFY_SOCKET: receiver.name } });
  assert.equal(code, 78);
  assert.deepEqual(receiver.messages, [{
    STATUS:
      `failed: ${file}:2:12: node.reactors: 0 is out of range; use a whole number from 1 to 64`,
    ERRNO: "22",
  }]);
});

Deno.test("a socket that is not there, or is no socket, does not keep the service from running", async () => {
  for (const name of ["relative", "/nowhere/notify", "/dev/null"]) {
    await using directory = await temporaryDirectory();
    await using program = await startAppliance({
      config: `[node]\nruntime_dir = "${directory.path}/run"\nreactors = 1\n`,
      directory: directory.path,
      name: "node",
      env: { NOTIFY_SOCKET: name, WATCHDOG_USEC: "1000000" },
    });
    const warnings = () => program.stderr.split("service manager cannot be told").length - 1;
    await waitFor(() => warnings() > 0, 5_000, "a warning");
    await program.stop();
    assert.equal(warnings(), 1, program.stderr);
  }
});
