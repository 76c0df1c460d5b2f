/** A node follows its config over TCP, steered by the command line. */
import assert from "node:assert/strict";
import type { ApplyResult, Plan, PlanStep } from "../../src/appliance/appliance_api.ts";
import { type Appliance, appliance, startAppliance } from "../support/appliance.ts";
import {
  DeclaredNode,
  declaredServer,
  runTenEdits,
  type Surroundings,
} from "../support/declared_node.ts";
import { FioLoad } from "../support/fio_load.ts";
import { freePort } from "../support/process.ts";
import { requireCommand, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const EXIT_CHANGES = 2;
const EXIT_TRY_AGAIN = 75;
const EXIT_CONFIG = 78;

/** Asked by the command line, as people do. */
class CommandLineNode extends DeclaredNode implements AsyncDisposable {
  constructor(surroundings: Surroundings, private readonly server: Appliance, client: Appliance) {
    super(surroundings, client);
  }

  static async start(surroundings: Surroundings): Promise<CommandLineNode> {
    const { directory } = surroundings;
    const config = declaredServer(surroundings);
    const server = await startAppliance({ config, directory, name: "server" });
    const empty = DeclaredNode.empty(surroundings);
    const client = await startAppliance({ config: empty, directory, name: "client" });
    return new CommandLineNode(surroundings, server, client);
  }

  async restart(): Promise<void> {
    await this.client.kill("SIGKILL");
    const { directory } = this.surroundings;
    this.client = await startAppliance({ config: this.text(), directory, name: "client" });
  }

  private verb(...words: string[]) {
    return appliance([...words, "--config", this.client.configFile]);
  }

  override async plan(): Promise<PlanStep[]> {
    const { code, stdout, stderr } = await this.verb("plan", "-o", "json");
    assert.ok(code === 0 || code === EXIT_CHANGES, stderr);
    const { steps } = JSON.parse(stdout) as Plan;
    assert.equal(code, steps.length === 0 ? 0 : EXIT_CHANGES);
    return [...steps];
  }

  override async apply(timeoutMs?: number): Promise<ApplyResult> {
    const timeout = timeoutMs === undefined ? [] : ["--timeout", `${timeoutMs}ms`];
    const { code, stdout, stderr } = await this.verb("apply", "-o", "json", ...timeout);
    assert.notEqual(stdout, "", stderr);
    const result = JSON.parse(stdout) as ApplyResult;
    assert.equal(code, result.pending.length === 0 ? 0 : EXIT_TRY_AGAIN);
    return result;
  }

  override refusals(): Promise<string[]> {
    return Promise.all(["plan", "apply"].map(async (verb) => {
      const { code, stderr } = await this.verb(verb);
      assert.equal(code, EXIT_CONFIG);
      return stderr;
    }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.stop();
    await this.server.stop();
  }
}

skippable("from nothing to 30 mappings, then ten edits under load", async (t) => {
  const fio = requireCommand("fio", "fio");
  await using directory = await temporaryDirectory();
  await using node = await CommandLineNode.start({
    directory: directory.path,
    addresses: ["tcp:127.0.0.1", "tcp:127.0.0.2"],
    port: freePort(),
    expose: "nbd",
    endTimeoutMs: 10_000,
  });
  const load = async (name: string) => new FioLoad(fio, await node.client.nbdSocket(name));
  await runTenEdits(node, { step: (name, run) => t.step(name, run), load, use: load });
  await t.step("kill -9, and an edit while it is away", async () => {
    delete node.document.mappings["a9"];
    await node.restart();
    await node.assertAsDeclared();
    assert.deepEqual(await node.plan(), []);
  });
});
