/** What a machine without the driver says, and what goes into a control command. */
import assert from "node:assert/strict";
import { ArenaAllocator, reserveArena } from "../../src/ring/arena.ts";
import { ControlLoop } from "../../src/ring/control_loop.ts";
import { UblkControl } from "../../src/ublk/control.ts";
import { skippable, SkipTest } from "../support/skip.ts";

const memory = new ArenaAllocator(reserveArena(2 ** 30));

skippable("without the driver: not available, and an error that says what to load", async () => {
  try {
    Deno.statSync("/dev/ublk-control");
    throw new SkipTest("this machine has the ublk driver", "run where ublk_drv is not loaded");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const loop = new ControlLoop(memory);
  const used = memory.usedBytes;
  const control = new UblkControl(loop);
  assert.equal(control.isAvailable, false);
  await assert.rejects(control.features(), /modprobe ublk_drv.*CONFIG_BLK_DEV_UBLK.*"nbd"/);
  assert.equal(memory.usedBytes, used, "the command's buffer is free again");
  control.close();
  await loop.close();
});
