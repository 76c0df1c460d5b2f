#!/bin/bash
# Builds dist/rnbd-appliance_VERSION_ARCH.deb with Debian's own tools (apt-get install dpkg-dev
# debhelper). The executable is dist/rnbd-appliance where that was built of this commit; else
# compile.sh builds it first.
#
#   packaging/build_deb.sh [--executable FILE] [--output FOLDER]
#
# The same commit and the same executable give the same bytes.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
executable=
output=$root/dist

usage() {
  echo "usage: packaging/build_deb.sh [--executable FILE] [--output FOLDER]" >&2
  exit 64
}

while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
  --executable) executable=$(realpath "$2") ;;
  --output) output=$(realpath -m "$2") ;;
  *) usage ;;
  esac
  shift 2
done

for tool in dpkg-buildpackage dh; do
  command -v "$tool" >/dev/null || {
    echo "$tool is missing: apt-get install dpkg-dev debhelper" >&2
    exit 69
  }
done

debian=$root/packaging/debian
version=$(dpkg-parsechangelog -l "$debian/changelog" -S Version)
declared=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$root/deno.json")
if [ "$version" != "$declared" ]; then
  echo "packaging/debian/changelog is of $version, deno.json of $declared: add an entry" >&2
  exit 1
fi

# Of this commit: built without changes since, and the tree has none now.
is_current() {
  local commit said
  [ -x "$1" ] || return 1
  [ -z "$(git -C "$root" status --porcelain 2>/dev/null)" ] || return 1
  commit=$(git -C "$root" rev-parse HEAD 2>/dev/null) || return 1
  said=$("$1" --version | sed -n 's/.*commit \([0-9a-f]*\)).*/\1/p') || return 1
  [ -n "$said" ] && [ "${commit#"$said"}" != "$commit" ]
}

if [ -z "$executable" ]; then
  executable=$root/dist/rnbd-appliance
  is_current "$executable" || "$root/compile.sh"
fi

# When this commit was made; without git, when the changelog's entry was.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null ||
  dpkg-parsechangelog -l "$debian/changelog" -S Timestamp)}
export SOURCE_DATE_EPOCH
export LC_ALL=C.UTF-8 TZ=UTC
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/rnbd-appliance-$version
mkdir -p "$tree"/{executable,config,modules-load,completions,docs,examples,sbom} \
  "$tree/systemd/user-.slice.d"

# A self-extracting file unpacks itself; one that `deno compile` made is the program.
if [ "$(head -c 2 "$executable")" = '#!' ]; then
  "$executable" --unpack "$tree/executable"
else
  install -m 755 "$executable" "$tree/executable/rnbd-appliance"
fi

# The launcher's archive has no times, and a package has no files of 1970.
find "$tree/executable" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +

cp -r "$debian" "$tree/debian"
cp "$root/packaging/systemd/rnbd-appliance.service" "$tree/debian/rnbd-appliance.service"
cp "$root/packaging/udev/61-rnbd-appliance.rules" "$tree/debian/rnbd-appliance.udev"
cp "$debian/rnbd.toml" "$tree/config/rnbd.toml"
cp "$debian/modules-load.conf" "$tree/modules-load/rnbd-appliance.conf"
install -m 755 "$root/packaging/systemd/unmount-devices" "$tree/systemd/"
cp "$root/packaging/systemd/user-sessions.conf" "$tree/systemd/user-.slice.d/50-rnbd-appliance.conf"
cp "$root/completions/rnbd-appliance.bash" "$tree/completions/rnbd-appliance"
cp "$root"/completions/{_rnbd-appliance,rnbd-appliance.fish} "$tree/completions/"
cp "$root/README.md" "$root/LICENSE" "$tree/"
cp -r "$root/docs/." "$tree/docs/"
cp "$root"/config/*.toml "$tree/examples/"
cp "$root/packaging/grafana/rnbd-appliance.json" "$tree/examples/grafana-dashboard.json"
for sbom in "$executable".{spdx,cdx}.json; do
  if [ -f "$sbom" ]; then cp "$sbom" "$tree/sbom/"; fi
done

cd "$tree"
if ! dpkg-buildpackage --build=binary --no-sign --no-check-builddeps >"$work/log" 2>&1; then
  cat "$work/log" >&2
  exit 1
fi
mkdir -p "$output"
for deb in "$work"/rnbd-appliance_*.deb; do
  mv "$deb" "$output/"
  echo "$output/${deb##*/} ($(($(stat -c %s "$output/${deb##*/}") / 1024)) KiB)"
done
