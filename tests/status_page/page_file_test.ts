/** The page as a file: made of its source, with everything in it, and nothing of elsewhere. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { BUNDLE_FILE, bundlePage } from "../../src/appliance/status_page/bundle.ts";
import { statusPage } from "../../src/appliance/status_page/page.ts";
import { repositoryRoot } from "../support/program.ts";

const CLIENT = `${repositoryRoot}src/appliance/status_page/client/`;

Deno.test("status page: the script is what its source makes", async () => {
  const remedy = "stale: run deno run -A src/appliance/status_page/bundle.ts";
  assert.ok(await bundlePage() === await Deno.readTextFile(BUNDLE_FILE), remedy);
});

/** What `text` between two marks of the page is. */
function between(html: string, open: string, close: string): string {
  const start = html.indexOf(open) + open.length;
  return html.slice(start, html.indexOf(close, start));
}

Deno.test("status page: the policy lets exactly its own script and style run", () => {
  const { html, headers } = statusPage();
  const policy = headers["content-security-policy"]!;
  for (const [directive, tag] of [["script-src", "script"], ["style-src", "style"]] as const) {
    const text = between(html, `<${tag}>`, `</${tag}>`);
    assert.ok(text.length > 1000);
    const hash = createHash("sha256").update(text).digest("base64");
    assert.ok(policy.includes(`${directive} 'sha256-${hash}';`), directive);
  }
  assert.match(policy, /^default-src 'none';/);
  assert.match(policy, /connect-src 'self';/);
  assert.match(policy, /frame-ancestors 'none'/);
  assert.doesNotMatch(policy, /unsafe|\*|https?:/);
  assert.doesNotMatch(html, /\{\{\w+\}\}/);
});

/** Ways to turn text into markup or code, or to reach beyond the page. */
const FORBIDDEN: readonly RegExp[] = [
  /\b(inner|outer)HTML\b/,
  /insertAdjacentHTML|document\.write|createContextualFragment|DOMParser|setHTMLUnsafe/,
  /\beval\b|new Function/,
  /\bon\w+\s*=\s*["']/,
  /\bstyle\s*[:=]\s*["']/,
  // Only the namespace of drawings looks like an address.
  /https?:\/\/(?!www\.w3\.org\/2000\/svg)/,
];

const forbiddenIn = (text: string) => FORBIDDEN.filter((pattern) => pattern.test(text)).map(String);

Deno.test("status page: no way from text to markup, no address of elsewhere", () => {
  for (const { name } of Deno.readDirSync(CLIENT)) {
    assert.deepEqual(forbiddenIn(Deno.readTextFileSync(CLIENT + name)), [], name);
  }
  assert.deepEqual(forbiddenIn(statusPage().html), []);
});

Deno.test("status page: each forbidden way is noticed", () => {
  const planted = [
    "cell.innerHTML = name",
    "document.write(name)",
    "eval(name)",
    '<button onclick="x()">',
    'setAttributes(cell, { style: "color: red" })',
    '<img src="https://example.com/x.png">',
  ];
  for (const text of planted) assert.equal(forbiddenIn(text).length, 1, text);
});
