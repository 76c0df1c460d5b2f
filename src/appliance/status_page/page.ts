/**
 * The status page: read-only, one file with everything in it, for the HTTP listener. `client/` is
 * its source; `assets/page.js` is made of it by `bundle.ts`, so that nothing is built where the
 * program runs.
 */
import { createHash } from "node:crypto";
import icon from "./assets/icon.svg" with { type: "text" };
import style from "./assets/page.css" with { type: "text" };
import frame from "./assets/page.html" with { type: "text" };
import script from "./assets/page.js" with { type: "text" };

/** An answer to a browser. */
export interface StatusPage {
  readonly html: string;
  readonly headers: Readonly<Record<string, string>>;
}

const hashOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/**
 * The page's own script and style, the appliance's own answers and nothing else; no other page may
 * frame it; text cannot become markup even by mistake (Trusted Types, where browsers have them).
 */
const contentSecurityPolicy = () =>
  [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "img-src data:",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");

function compose(): StatusPage {
  const parts: Readonly<Record<string, string>> = {
    icon: `data:image/svg+xml,${encodeURIComponent(icon)}`,
    style,
    script,
  };
  return {
    html: frame.replace(/\{\{(\w+)\}\}/g, (_, name: string) => parts[name]!),
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": contentSecurityPolicy(),
      // After an upgrade of the program its page is the new one, too.
      "cache-control": "no-store",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
  };
}

let composed: StatusPage | undefined;

/** The page and the headers that it must be served with. */
export const statusPage = (): StatusPage => composed ??= compose();
