
# First starts, and the options of the launcher.

rnbd_check_tools() {
  for rnbd_each in chmod grep gzip head mkdir mktemp mv rm sha256sum stat sync tail tar tr; do
    (PATH=$rnbd_tools && command -v "$rnbd_each") >/dev/null ||
      rnbd_fail 69 "cannot unpack itself without the program $rnbd_each in $rnbd_tools"
  done
}

rnbd_payload() {
  tail -c +$((rnbd_script_bytes + 1)) -- "$rnbd_self"
}

# Prints what is wrong with this file, if anything.
rnbd_check_file() {
  if ! head -c "$rnbd_script_bytes" -- "$rnbd_self" | grep -qxF "rnbd_id='$rnbd_id'"; then
    printf 'cannot find its own file (%s is another); start it by its path' "$rnbd_self"
    return 1
  fi
  rnbd_bytes=$(stat -L -c %s -- "$rnbd_self")
  if [ "$rnbd_bytes" != $((rnbd_script_bytes + rnbd_payload_bytes)) ]; then
    printf '%s is damaged: it has %s bytes instead of %s. Get it again.' \
      "$rnbd_self" "$rnbd_bytes" $((rnbd_script_bytes + rnbd_payload_bytes))
    return 1
  fi
  rnbd_sum=$(
    head -c "$rnbd_script_bytes" -- "$rnbd_self" | grep -v '^rnbd_script_sha256=' | sha256sum
  )
  if [ "${rnbd_sum%% *}" = "$rnbd_script_sha256" ]; then
    rnbd_sum=$(rnbd_payload | sha256sum)
    [ "${rnbd_sum%% *}" != "$rnbd_payload_sha256" ] || return 0
  fi
  printf '%s is damaged: its SHA-256 is not what it should be. Get it again.' "$rnbd_self"
  return 1
}

# Prints what is needed and free in the folder $1; fails when that is too little.
rnbd_check_space() {
  rnbd_needed=$((rnbd_unpacked_bytes + 4194304))
  # Blocks free for all, for root; all blocks; bytes of a block. Some file systems do not tell.
  # shellcheck disable=SC2046
  set -- $(stat -f -c '%a %f %b %S' -- "$1")
  [ "${3:-0}" -gt 0 ] || return 0
  rnbd_free=$(($1 * $4))
  [ "${rnbd_user:-1}" -ne 0 ] || rnbd_free=$(($2 * $4))
  printf '%s MB needed, %s MB free' $((rnbd_needed / 1048576 + 1)) $((rnbd_free / 1048576))
  [ $rnbd_free -ge $rnbd_needed ]
}

# Unpacks into the new private folder rnbd_staging and checks every file; prints what is wrong.
rnbd_fill_staging() {
  if rnbd_said=$({ rnbd_payload | gzip -dc | tar -xpo -f - -C "$rnbd_staging"; } 2>&1) &&
    rnbd_said=$(cd -- "$rnbd_staging" && rnbd_sums | sha256sum -c 2>&1) &&
    # Before it has its name: after a power cut there is all or nothing under that.
    rnbd_said=$(cd -- "$rnbd_staging" && sync -- $rnbd_files 2>&1); then
    chmod 0755 -- "$rnbd_staging"
    return
  fi
  rnbd_said=$(printf '%s\n' "$rnbd_said" | grep -v ': OK$' | head -n 1)
  printf 'unpacking failed: %s (%s)' "$rnbd_said" "$(rnbd_check_space "$rnbd_staging")"
  return 1
}

# Prints why a program cannot run in rnbd_staging, before time and space go into unpacking.
rnbd_check_probe() {
  printf '#!/bin/sh\n' >"$rnbd_staging/.probe" && chmod 0700 "$rnbd_staging/.probe" || return
  if ! rnbd_said=$("$rnbd_staging/.probe" 2>&1); then
    printf 'no program may run there (it is mounted noexec?)'
    return 1
  fi
  rm -f -- "$rnbd_staging/.probe"
}

# Prints why the runtime does not run; 3 when the reason would be the same in any folder.
rnbd_check_runtime() {
  rnbd_said=$(
    rnbd_clean_environment
    DENO_DIR=/dev/null/none
    export DENO_DIR
    exec "$rnbd_staging/$rnbd_runtime" --version 2>&1
  ) && return
  case $rnbd_said in
    *GLIBC*) printf 'needs a newer glibc (Debian 12 has one): %s' "$rnbd_said"; return 3 ;;
  esac
  printf 'the runtime does not run there: %s' "$rnbd_said"
  return 1
}

# Removes what killed first starts left. Who unpacks holds a lock on .lock in his folder.
rnbd_sweep() {
  for rnbd_old in "$rnbd_root"/.unpack.??????????; do
    if [ -d "$rnbd_old" ] && ! [ -L "$rnbd_old" ] && [ -O "$rnbd_old" ]; then
      (flock -n 9 && rm -rf -- "$rnbd_old") 9>>"$rnbd_old/.lock"
    fi
  done
}

# Removes the folders of other versions that no process runs.
rnbd_remove_old() {
  rnbd_running=" $(stat -L -c '%d:%i' -- /proc/[0-9]*/exe 2>/dev/null | tr '\n' ' ')"
  for rnbd_old in "$rnbd_root"/*-????????????????; do
    if [ "$rnbd_old" = "$rnbd_root/$rnbd_id" ] || ! [ -f "$rnbd_old/.verified" ] ||
      ! [ -O "$rnbd_old" ] || [ -L "$rnbd_old" ]; then
      continue
    fi
    case $rnbd_running in
      *" $(stat -c '%d:%i' -- "$rnbd_old/$rnbd_runtime") "*) continue ;;
    esac
    rnbd_set_aside "$rnbd_old" && rm -rf -- "$rnbd_old.code"
  done
}

# Removes $1, whosever it is; for everybody else at once.
rnbd_set_aside() {
  if ! [ -d "$1" ] || [ -L "$1" ]; then
    rm -f -- "$1"
    return
  fi
  rnbd_aside=$(mktemp -d -- "$rnbd_root/.unpack.XXXXXXXXXX") || return
  mv -T -- "$1" "$rnbd_aside" || return
  rm -rf -- "$rnbd_aside"
  return 0
}

# Unpacks below the root folder $1; prints why it cannot. 3: it could nowhere.
rnbd_unpack() {
  if ! rnbd_make_root "$1"; then
    printf %s "$rnbd_reason"
    return 1
  fi
  rnbd_use_tools
  exec </dev/null 8>>"$rnbd_root/.lock"
  # One at a time: who waited finds it done. Where there are no locks, the first rename wins.
  if flock -w 60 8 2>/dev/null; then rnbd_sweep 2>/dev/null; fi
  ! rnbd_try_start "$rnbd_root" || return 0
  if ! rnbd_said=$(rnbd_check_space "$rnbd_root"); then
    printf 'the disk is full: %s' "$rnbd_said"
    return 1
  fi
  rnbd_check_file || return 3
  rnbd_staging=$(mktemp -d -- "$rnbd_root/.unpack.XXXXXXXXXX") || return
  trap 'rm -rf -- "$rnbd_staging"' EXIT
  trap 'exit 1' HUP INT TERM
  exec 9>>"$rnbd_staging/.lock"
  flock -n 9 2>/dev/null
  rnbd_check_probe && rnbd_fill_staging && rnbd_check_runtime || return
  printf '%s\n' "$rnbd_id" >"$rnbd_staging/.verified" || return
  rnbd_put_in_place || return
  rnbd_remove_old >/dev/null 2>&1
  # It does without if this fails.
  [ -d "$rnbd_root/$rnbd_id.code" ] || mkdir -m 0700 -- "$rnbd_root/$rnbd_id.code" 2>/dev/null
  return 0
}

# Gives rnbd_staging its name, which is the last step: a folder of that name is complete.
rnbd_put_in_place() {
  rnbd_target=$rnbd_root/$rnbd_id
  if [ -e "$rnbd_target" ] || [ -L "$rnbd_target" ]; then
    # Another start was first, or what is there cannot be trusted.
    ! rnbd_try_start "$rnbd_root" || return 0
    rnbd_set_aside "$rnbd_target" || return
  fi
  if ! rnbd_said=$(mv -T -- "$rnbd_staging" "$rnbd_target" 2>&1); then
    ! rnbd_try_start "$rnbd_root" || return 0
    printf %s "$rnbd_said"
    return 1
  fi
  rm -f -- "$rnbd_target/.lock"
}

rnbd_try_unpack() { # root folder
  rnbd_said=$(rnbd_unpack "$1" 2>&1)
  case $? in
    0) if rnbd_try_start "$1"; then return; else rnbd_said=$rnbd_reason; fi ;;
    3) rnbd_fail 69 "$rnbd_said" ;;
  esac
  rnbd_tried="$rnbd_tried
  $1: $rnbd_said"
  return 1
}

# A name that nobody can guess: others may write in /tmp. It stays: after exec nobody is left to
# remove it, and the next start finds it.
rnbd_try_temporary() {
  rnbd_new=$(rnbd_use_tools && mktemp -d -- "$rnbd_temporary/rnbd-appliance.XXXXXXXXXX" 2>&1) || {
    rnbd_tried="$rnbd_tried
  $rnbd_temporary: $rnbd_new"
    return 1
  }
  if rnbd_try_unpack "$rnbd_new"; then
    printf '%s\n' "rnbd-appliance: unpacked into $rnbd_new, because of:$rnbd_tried" >&2
    return
  fi
  (rnbd_use_tools && rm -rf -- "$rnbd_new")
  return 1
}

rnbd_first_start() {
  rnbd_tried=''
  rnbd_each_root rnbd_try_unpack && return
  [ -n "${RNBD_APPLIANCE_CACHE_DIR-}" ] || ! rnbd_try_temporary || return 0
  rnbd_fail 69 "cannot unpack itself:$rnbd_tried
Set RNBD_APPLIANCE_CACHE_DIR to a folder with room where programs may run, or use --unpack DIR."
}

# --unpack DIR: everything into a new folder, from which it runs without a cache.
rnbd_unpack_to() {
  rnbd_use_tools
  [ $# -eq 2 ] || rnbd_fail 64 'usage: rnbd-appliance --unpack DIR'
  [ "$rnbd_kind" = file ] || rnbd_fail 64 "$0 is unpacked; --unpack is for the file it came from"
  rnbd_target=$2
  case $rnbd_target in
    /*) ;;
    *) rnbd_target=./$rnbd_target ;;
  esac
  while [ "$rnbd_target" != "${rnbd_target%/}" ]; do rnbd_target=${rnbd_target%/}; done
  rnbd_check_file >&2 || rnbd_fail 69 'nothing was unpacked'
  rnbd_staging=$(mktemp -d -- "${rnbd_target%/*}/.rnbd-appliance.XXXXXXXXXX") || exit 1
  trap 'rm -rf -- "$rnbd_staging"' EXIT
  trap 'exit 1' HUP INT TERM
  rnbd_said=$(rnbd_fill_staging) || rnbd_fail 1 "$rnbd_said"
  rnbd_said=$(mv -T -- "$rnbd_staging" "$rnbd_target" 2>&1) ||
    rnbd_fail 1 "$2 must be new or an empty folder, and no mount point: $rnbd_said"
}

# --verify-executable: hashes everything, which ordinary starts do not.
rnbd_verify() {
  rnbd_use_tools
  if [ "$rnbd_kind" = folder ]; then
    rnbd_verify_folder "${rnbd_self%/*}"
    return
  fi
  rnbd_said=$(rnbd_check_file) || rnbd_fail 1 "$rnbd_said"
  printf '%s\n' "$rnbd_self: OK"
  if rnbd_each_root rnbd_try_start; then rnbd_verify_folder "$rnbd_root/$rnbd_id"; fi
}

rnbd_verify_folder() {
  if rnbd_said=$(cd -- "$1" && rnbd_sums | sha256sum -c 2>&1); then
    printf '%s\n' "$1: OK"
    return
  fi
  rnbd_said=$(printf '%s\n' "$rnbd_said" | grep -v ': OK$' | head -n 1)
  rnbd_fail 1 "$1 is damaged ($rnbd_said): remove it; the next start unpacks again"
}

rnbd_main() {
  rnbd_find_self
  rnbd_check_tools
  case ${1-} in
    --unpack) (rnbd_unpack_to "$@") ;;
    --verify-executable) (rnbd_verify) ;;
    *) rnbd_first_start && rnbd_become "$rnbd_root/$rnbd_id" "$@" ;;
  esac
}

# In one line: no shell reads on into the payload.
rnbd_main "$@"; rnbd_status=$? rnbd_ended=1; exit $rnbd_status
