/**
 * The program with a fake appliance in it, for tests of its life: start, ready, signals, stop.
 * FAKE_START=fails|hangs and FAKE_STOP=hangs bend it.
 */
import { processContext } from "../../src/cli/context.ts";
import { main } from "../../src/cli/main.ts";
import { busy, FakeAppliance } from "../control_api/fake_appliance.ts";

const never = new Promise<never>(() => {});

class FakeProgram extends FakeAppliance {
  override async stop(): Promise<void> {
    if (Deno.env.get("FAKE_STOP") === "hangs") {
      Deno.stdout.writeSync(new TextEncoder().encode("stop hangs\n"));
      await never;
    }
    await super.stop();
    Deno.stdout.writeSync(new TextEncoder().encode("stopped in order\n"));
  }
}

const start = Deno.env.get("FAKE_START");
const code = await main(Deno.args, {
  ...processContext,
  startAppliance() {
    if (start === "fails") return Promise.reject(busy());
    const appliance = new FakeProgram();
    if (start === "hangs") appliance.firstTryDone = never;
    return Promise.resolve(appliance);
  },
});
Deno.exit(code);
