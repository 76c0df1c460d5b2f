/** Warnings: what is allowed and should be known. */
import assert from "node:assert/strict";
import { parseConfig } from "../../src/appliance/config/load_config.ts";
import { configWarnings } from "../../src/appliance/config/warnings.ts";

const ENVIRONMENT = { hostName: "host", uid: 1000, xdgRuntimeDir: undefined, cores: 8 };

function keysWarnedOf(text: string): string[] {
  const warnings = configWarnings(parseConfig(text, null, ENVIRONMENT));
  for (const warning of warnings) assert.match(warning, /^[a-z]+\.[a-z_]+: .+; /);
  return warnings.map((warning) => warning.split(":", 1)[0]!);
}

const server = (path: string, lines = "") =>
  `[server]\nlisten = ["tcp:::1"]\ndev_search_path = "${path}"\n${lines}`;

Deno.test("HTTP that others reach is warned of, on this machine it is not", () => {
  for (const http of ["0.0.0.0:80", "192.0.2.1:80", "[::]:80", "[fe80::1]:80"]) {
    assert.deepEqual(keysWarnedOf(`control.http = "${http}"`), ["control.http"], http);
  }
  for (const http of [":80", "127.0.0.1:80", "127.1.2.3:80", "[::1]:80", "[::ffff:127.0.0.1]:80"]) {
    assert.deepEqual(keysWarnedOf(`control.http = "${http}"`), [], http);
  }
});

Deno.test("a control socket that everybody may write to is warned of", () => {
  assert.deepEqual(keysWarnedOf('control.socket_mode = "0666"'), ["control.socket_mode"]);
  assert.deepEqual(keysWarnedOf('control.socket_mode = "0664"'), []);
  const readOnly = '[control]\nread_only_socket = true\nread_only_socket_mode = "0666"\n';
  assert.deepEqual(keysWarnedOf(readOnly), []);
});

Deno.test("everything below / is warned of, however it is written, unless exports narrow it", () => {
  const all = '[[server.export]]\ndevice_path = "*"\n';
  for (const path of ["/", "//", "/./", "/."]) {
    assert.deepEqual(keysWarnedOf(server(path)), ["server.dev_search_path"], path);
    assert.deepEqual(keysWarnedOf(server(path, all)), ["server.dev_search_path"], path);
  }
  const one = '[[server.export]]\ndevice_path = "dev/vg0/*"\n';
  assert.deepEqual(keysWarnedOf(server("/", one)), []);
  const memory = '[[server.export]]\ndevice_path = "m"\nbackend = "memory"\nsize = "1MiB"\n';
  assert.deepEqual(keysWarnedOf(server("/", memory)), []);
  assert.deepEqual(keysWarnedOf(server("/srv")), []);
  assert.deepEqual(keysWarnedOf(server("/%SESSNAME%")), []);
});

Deno.test("the defaults are no reason to warn", () => {
  assert.deepEqual(keysWarnedOf(""), []);
});
