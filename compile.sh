#!/bin/sh
# Makes dist/rnbd-appliance, one file with everything in it; docs/executable.md explains it.
#
#     ./compile.sh [--kind compiled|self-extracting] [--output FOLDER] [--no-times]
set -eu

version=2.9.6
# The folder of this script, also where it is called through a link.
build=$(dirname -- "$(readlink -f -- "$0")")/packaging/executable/build.ts

is_wanted() { # command…
  [ "$("$@" --version 2>/dev/null | sed -n '1s/^deno \([^ ]*\).*/\1/p')" = "$version" ]
}

if is_wanted deno; then
  exec deno run -A "$build" "$@"
elif is_wanted npx -y "deno@$version"; then
  exec npx -y "deno@$version" run -A "$build" "$@"
fi
echo "compile.sh: needs Deno $version: in PATH, or npx (Debian: apt-get install npm)" \
  "with a way to the npm registry" >&2
exit 69
