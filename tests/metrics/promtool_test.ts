/** Prometheus' own checker reads the text: its grammar and its rules for names. */
import assert from "node:assert/strict";
import { requireCommand, skippable } from "../support/skip.ts";
import { fullText, largeStatus, newLedger, PROCESS } from "./samples.ts";
import { MetricsText } from "../../src/appliance/metrics/metrics_text.ts";
import { MAPPING } from "../control_api/fake_status.ts";

async function promtool(text: string): Promise<{ code: number; said: string }> {
  const command = requireCommand("promtool", "prometheus");
  const child = new Deno.Command(command, {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  return { code, said: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

skippable("promtool finds nothing wrong when every family has a sample", async () => {
  assert.deepEqual(await promtool(fullText()), { code: 0, said: "" });
});

skippable(
  "promtool reads names with quotes, backslashes, line ends and other scripts",
  async () => {
    const { ledger } = newLedger();
    const names = ['"', "\\", "a\nb", "\\n", "диск", "💾", " ", "{}", 'x="y"', "# HELP"];
    for (const name of names) ledger.open(name);
    const status = largeStatus(1, 1);
    const mappings = names.map((name) => ({ ...MAPPING, name, device_path: name }));
    const text = new MetricsText().render({
      status: { ...status, mappings },
      process: PROCESS,
      mappings: ledger.histograms(),
      exports: ledger.histograms(),
      paths: [],
    });
    assert.deepEqual(await promtool(text), { code: 0, said: "" });
  },
);

skippable("promtool would have noticed", async () => {
  const text = fullText();
  for (
    const [planted, complaint] of [
      [text.replace("# HELP rnbd_config_stale", "# OTHER rnbd_config_stale"), /no help/],
      [text.replaceAll("rnbd_rejections_total", "rnbd_rejections"), /_total/],
      [text.replace("rnbd_client_device_size_bytes{", "rnbd_client_device_size_bytes{{"), /error/],
      [text.replace('device="scratch"', 'device="scr"atch"'), /expected|unexpected|error/],
    ] as const
  ) {
    const { code, said } = await promtool(planted);
    assert.notEqual(code, 0, `${complaint}`);
    assert.match(said, complaint);
  }
});
