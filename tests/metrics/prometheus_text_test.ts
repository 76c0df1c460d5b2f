/** The text format: escaping, families, histograms; each against a parser of its own. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { LATENCY_BOUNDS_US, LATENCY_BUCKETS } from "../../src/rnbd/io_statistics.ts";
import { labelsOf, PrometheusText } from "../../src/appliance/metrics/prometheus_text.ts";
import { CounterWatch, parseExposition } from "./exposition.ts";
import { fullText } from "./samples.ts";

Deno.test("any text survives as a label, and stays inside of it", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), fc.string(), (device, sessname) => {
    const text = new PrometheusText();
    text.family("x_total", "counter", "Help.", [[labelsOf({ device, sessname }), 5]]);
    const [series] = parseExposition(text.toString()).values();
    assert.deepEqual(series!.labels, {
      device: device.toWellFormed(),
      sessname: sessname.toWellFormed(),
    });
  }));
});

Deno.test("values are written so that they are read back", () => {
  fc.assert(fc.property(fc.double({ noNaN: true }), (value) => {
    const text = new PrometheusText();
    text.family("x", "gauge", "Help.", [["", value]]);
    assert.equal(parseExposition(text.toString()).get("x")!.value, value === 0 ? 0 : value);
  }));
});

Deno.test("samples with the same labels are one series; a family without samples is left out", () => {
  const text = new PrometheusText();
  text.family("a", "gauge", "Help.", []);
  text.family("b", "gauge", "Help.\nMore \\.", [['x="1"', 2], ['x="1"', 3], ["", 1]]);
  assert.equal(
    text.toString(),
    '# HELP b Help.\\nMore \\\\.\n# TYPE b gauge\nb{x="1"} 5\nb 1\n',
  );
  assert.equal(new PrometheusText().toString(), "");
});

Deno.test("a histogram is cumulative, ends in +Inf, and its count is that", () => {
  const buckets = fc.array(fc.nat(1000), {
    minLength: LATENCY_BUCKETS,
    maxLength: LATENCY_BUCKETS,
  });
  fc.assert(fc.property(buckets, (counts) => {
    const total = counts.reduce((sum, n) => sum + n, 0);
    const histogram = { ios: total, bytes: 0, errors: 0, buckets: counts, latencySumUs: 2.5e6 };
    const text = new PrometheusText();
    text.histogram("t_seconds", "Help.", [['device="d"', histogram]]);
    const series = [...parseExposition(text.toString()).values()];
    const bounds = series.filter(({ name }) => name === "t_seconds_bucket");
    assert.deepEqual(
      bounds.map(({ labels }) => Number(labels["le"]!.replace("+Inf", "Infinity"))),
      [
        ...LATENCY_BOUNDS_US.map((us) => us / 1e6),
        Infinity,
      ],
    );
    bounds.forEach(({ value }, i) =>
      assert.equal(value, counts.slice(0, i + 1).reduce((sum, n) => sum + n, 0))
    );
    const [sum, count] = series.slice(-2);
    assert.deepEqual([sum!.name, sum!.value], ["t_seconds_sum", 2.5]);
    assert.deepEqual([count!.name, count!.value], ["t_seconds_count", total]);
  }));
});

Deno.test("the parser refuses what is no valid text", () => {
  const head = "# HELP a b\n# TYPE a gauge\n";
  for (
    const text of [
      "a 1\n",
      `${head}a 1`,
      `${head}a one\n`,
      `${head}a{x="1"} 1\na{x="1"} 2\n`,
      `${head}a{x="1} 1\n`,
      `${head}a{x="\\q"} 1\n`,
      `${head}a{x="1",x="2"} 1\n`,
      `${head}# TYPE b gauge\nb 1\na 1\n`,
      `${head}# TYPE a gauge\na 1\n`,
    ]
  ) assert.throws(() => parseExposition(text), Error, text);
});

Deno.test("names tell what they count: units, _total for counters and only for them", () => {
  for (const { family, type } of parseExposition(fullText()).values()) {
    assert.match(family, /^(rnbd|process)_[a-z_]+$/);
    assert.equal(family.endsWith("_total"), type === "counter", family);
    assert.doesNotMatch(family, /_(ms|us|kb|mb|percent)(_|$)/);
  }
});

Deno.test("a counter that goes down is noticed", () => {
  const watch = new CounterWatch();
  const text = fullText();
  assert.deepEqual(watch.look(text), []);
  assert.ok(watch.size > 50);
  const [key, { value }] = [...parseExposition(text)].find(([name]) =>
    name.startsWith("rnbd_client_device_requests_total")
  )!;
  const lower = text.replace(`${key} ${value}`, `${key} ${value - 1}`);
  assert.deepEqual(watch.look(lower), [`${key}: ${value} > ${value - 1}`]);
});
