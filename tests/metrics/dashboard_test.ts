/** The Grafana dashboard asks for metrics that there are, in queries that Prometheus understands. */
import assert from "node:assert/strict";
import { requireCommand, skippable } from "../support/skip.ts";
import { temporaryDirectory } from "../support/temporary.ts";
import { parseExposition } from "./exposition.ts";
import { fullText } from "./samples.ts";

const FILE = new URL("../../packaging/grafana/rnbd-appliance.json", import.meta.url);

interface Target {
  readonly refId: string;
  readonly expr: string;
  readonly datasource: { readonly uid: string };
}

interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly Target[];
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly definition?: string;
}

interface Dashboard {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

const dashboard = JSON.parse(Deno.readTextFileSync(FILE)) as Dashboard;
const queries = dashboard.panels.flatMap(({ title, targets }) =>
  (targets ?? []).map(({ expr }) => ({ title, expr }))
);

/** Names in a query that could be ours or the process's. */
const metricsIn = (expr: string) => expr.match(/\b(rnbd|process)_[a-z_]+\b/g) ?? [];

/** Names in queries that no series of `text` has. */
function missing(text: string, expressions: readonly string[]): string[] {
  const known = new Set([...parseExposition(text).values()].map(({ name }) => name));
  return expressions.flatMap(metricsIn).filter((name) => !known.has(name));
}

Deno.test("every metric that the dashboard asks for is told", () => {
  const expressions = queries.map(({ expr }) => expr);
  assert.ok(expressions.every((expr) => metricsIn(expr).length > 0));
  assert.deepEqual(missing(fullText(), expressions), []);
  assert.deepEqual(missing(fullText(), ["rate(rnbd_client_path_lost_total[5m])"]), [
    "rnbd_client_path_lost_total",
  ]);
});

Deno.test("labels in queries are those of the metrics", () => {
  const series = [...parseExposition(fullText()).values()];
  for (const { title, expr } of queries) {
    for (const [, name, selector] of expr.matchAll(/\b((?:rnbd|process)_[a-z_]+)\{([^}]*)\}/g)) {
      const given = new Set([...selector!.matchAll(/(\w+)=/g)].map(([, label]) => label!));
      // What Prometheus adds itself.
      for (const label of ["instance", "job"]) given.delete(label);
      const found = series.find((one) => one.name === name)!;
      for (const label of given) assert.ok(label in found.labels, `${title}: ${name}{${label}}`);
    }
  }
});

Deno.test("there is a panel for everything that a person looks for", () => {
  const titles = dashboard.panels.map(({ title }) => title);
  for (
    const wanted of ["IOPS", "Throughput", "Latency", "Paths down", "In flight", "Errors", "Config"]
  ) assert.ok(titles.includes(wanted), wanted);
  const latency = queries.filter(({ title }) => title === "Latency");
  assert.ok(latency.every(({ expr }) => expr.startsWith("histogram_quantile(")));
});

Deno.test("the data source is a variable; ids and places are unique", () => {
  const names = dashboard.templating.list.map(({ name }) => name);
  assert.deepEqual(dashboard.templating.list[0]!.type, "datasource");
  for (const { targets } of dashboard.panels) {
    for (const { datasource } of targets ?? []) assert.equal(datasource.uid, "${datasource}");
  }
  const used = new Set(queries.flatMap(({ expr }) => expr.match(/\$(?!__)\w+/g) ?? []));
  for (const name of used) assert.ok(names.includes(name.slice(1)), name);
  assert.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length);
  const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + i % w},${y + Math.floor(i / w)}`)
  );
  assert.equal(new Set(cells).size, cells.length, "panels overlap");
});

skippable("promtool understands every query", async () => {
  const promtool = requireCommand("promtool", "prometheus");
  await using directory = await temporaryDirectory();
  const check = async (expressions: readonly string[]) => {
    const rules = expressions.map((expr, i) => ({
      record: `query_${i}`,
      expr: expr.replaceAll("$__rate_interval", "5m"),
    }));
    const file = `${directory.path}/rules.yml`;
    // JSON is YAML.
    await Deno.writeTextFile(file, JSON.stringify({ groups: [{ name: "dashboard", rules }] }));
    const { code, stderr } = await new Deno.Command(promtool, { args: ["check", "rules", file] })
      .output();
    return { code, said: new TextDecoder().decode(stderr) };
  };
  const { code, said } = await check(queries.map(({ expr }) => expr));
  assert.equal(code, 0, said);
  assert.notEqual((await check(["sum by (device (rnbd_client_device_open)"])).code, 0);
});
