#!/bin/sh
# rnbd-appliance in one file: this script, unpack.sh, then a compressed tar of the Deno runtime and
# the program. A start looks for the folder that an earlier start unpacked, checks that nobody else
# can have changed it, and becomes the program (exec). Only the first start reads on in unpack.sh.
# docs/executable.md says what is checked and why. For dash, bash and busybox sh.
# shellcheck disable=SC2086,SC2317 # Lists are split on purpose (the names in them are plain), and
# functions are called by names in variables.

rnbd_ended=''
trap '[ -n "$rnbd_ended" ] || rnbd_fail 69 "$0 is damaged: it is cut short. Get it again."' EXIT
rnbd_fail() { # exit code, text
  rnbd_ended=1
  printf '%s\n' "rnbd-appliance: $2" >&2
  exit "$1"
}

# Filled in by self_extracting.ts.
rnbd_kind='@KIND@' # file: the payload follows; folder: runtime and program lie beside this script
rnbd_id='@ID@'
rnbd_machine='@MACHINE@'
rnbd_loader='@LOADER@'
rnbd_script_bytes=@SCRIPT_BYTES@
rnbd_script_sha256='@SCRIPT_SHA256@'
rnbd_payload_bytes=@PAYLOAD_BYTES@
rnbd_payload_sha256='@PAYLOAD_SHA256@'
rnbd_unpacked_bytes=@UNPACKED_BYTES@
rnbd_runtime='@RUNTIME@'
rnbd_folders='@FOLDERS@'
rnbd_files='@FILES@'
# Mode, owner and size of each of rnbd_files when the owner is $1.
rnbd_expect() {
  rnbd_expected="@EXPECTED@"
}
rnbd_sums() {
  cat <<'SUMS'
@SUMS@
SUMS
}
rnbd_exec() {
  rnbd_folder=$1
  shift
  exec "$rnbd_folder/$rnbd_runtime" run $rnbd_cache_option @ARGUMENTS@ \
    "$rnbd_folder/@MAIN@" "$@"
}

rnbd_system_root=/var/cache/rnbd-appliance
rnbd_tools=/usr/sbin:/usr/bin:/sbin:/bin

# One look, by one process, at a root folder: at what leads to it, at itself, and for "version" at
# what is unpacked in it; or ("parent") at a folder in which a root folder will be made. Sets
# rnbd_user (ours), rnbd_code (a folder for V8's code cache, if that is there and only ours), and on
# failure rnbd_reason.
rnbd_look() { # parent | root | version
  rnbd_mode=$1 rnbd_path=$rnbd_root rnbd_inside=${rnbd_root:-/} rnbd_names='' rnbd_probe=/
  set --
  if [ "$rnbd_mode" = version ]; then
    rnbd_inside=$rnbd_root/$rnbd_id rnbd_names="$rnbd_folders $rnbd_files"
    set -- "$rnbd_inside" $rnbd_folders
  fi
  rnbd_own=$((1 + $#))
  if [ -d "$rnbd_root/$rnbd_id.code" ]; then rnbd_probe=$rnbd_root/$rnbd_id.code; fi
  set --
  while [ -n "$rnbd_path" ]; do
    set -- "$rnbd_path" "$@"
    rnbd_path=${rnbd_path%/*}
  done
  # "/" is one more, and the last is no parent.
  rnbd_depth=$# rnbd_parents=$#
  case $rnbd_mode in
    parent) rnbd_own=0 rnbd_parents=$((rnbd_parents + 1)) ;;
    version) set -- "$@" "$rnbd_inside" ;;
  esac
  rnbd_stats=$(
    exec 2>/dev/null
    PATH=$rnbd_tools LC_ALL=C
    export PATH LC_ALL
    cd -- "$rnbd_inside" && exec stat -c '%f %u %s' -- /proc/self/. "$rnbd_probe" / "$@" $rnbd_names
  ) || rnbd_stats=''
  rnbd_judge $rnbd_stats
}

# Judges what rnbd_look saw: triples of mode, owner, size of a process of ours, the folder for the
# code cache, "/", the folders that lead to the root folder, own folders, files.
rnbd_judge() {
  rnbd_code='' rnbd_reason='it is incomplete, or cannot be looked at (is /proc there?)'
  [ $# -ge $((3 * (2 + rnbd_parents + rnbd_own))) ] || return 1
  rnbd_user=$2
  if [ "$rnbd_probe" != / ] && [ "$5" = "$rnbd_user" ] &&
    [ $((0x$4 & 0170022)) -eq $((0040000)) ]; then
    rnbd_code=$rnbd_probe
  fi
  shift 6
  # Whoever owns "/" owns the system: root, or what root is shown as in a user namespace.
  rnbd_top=$2 rnbd_step=0
  while [ $rnbd_step -lt $((rnbd_parents + rnbd_own)) ]; do
    rnbd_judge_folder $((0x$1)) "$2" || return 1
    shift 3
    rnbd_step=$((rnbd_step + 1))
  done
  [ -n "$rnbd_names" ] || return 0
  rnbd_reason='its files are not what this version unpacked'
  rnbd_expect "$rnbd_user"
  [ "$*" = "$rnbd_expected" ] && return
  rnbd_expect 0
  [ "$*" = "$rnbd_expected" ]
}

rnbd_judge_folder() { # mode, owner; of the folder number rnbd_step
  if [ $(($1 & 0170000)) -eq $((0120000)) ]; then
    rnbd_reason='link'
    return 1
  fi
  if [ $(($1 & 0170000)) -ne $((0040000)) ]; then
    rnbd_blame 'is not a folder'
  elif [ "$2" -ne 0 ] && [ "$2" -ne "$rnbd_user" ] &&
    { [ "$2" -ne "$rnbd_top" ] || [ $rnbd_step -ge $rnbd_parents ]; }; then
    rnbd_blame "belongs to user $2, who could change what runs"
  # On the way there, a sticky folder as /tmp will do: others can add to it, but not replace ours.
  elif [ $(($1 & 0022)) -ne 0 ] &&
    { [ $(($1 & 01000)) -eq 0 ] || [ $rnbd_step -ge $rnbd_parents ]; }; then
    rnbd_blame 'can be written by others, who could change what runs'
  fi
}

rnbd_blame() { # what is wrong with the folder number rnbd_step
  rnbd_path=$rnbd_root
  while [ $rnbd_step -lt $rnbd_depth ]; do
    rnbd_path=${rnbd_path%/*}
    rnbd_step=$((rnbd_step + 1))
  done
  rnbd_reason="${rnbd_path:-/} $1"
  return 1
}

# Whether nobody but root and us can change the root folder $1 and, for $2 = version, what is
# unpacked in it. Sets rnbd_root to its name without symlinks.
rnbd_trust() {
  rnbd_root=$1
  while [ "$rnbd_root" != "${rnbd_root%/}" ]; do rnbd_root=${rnbd_root%/}; done
  rnbd_look "$2" && return
  [ "$rnbd_reason" = link ] || return 1
  # What follows uses the name without symlinks: these could be turned elsewhere by their owners.
  rnbd_root=$(cd -P -- "$1" && pwd -P && printf x)
  rnbd_root=${rnbd_root%?x}
  rnbd_look "$2" && return
  [ "$rnbd_reason" != link ] || rnbd_reason='a symlink is where a folder should be'
  return 1
}

# Calls $1 with every folder that may hold the cache, until that succeeds.
rnbd_each_root() {
  if [ -n "${RNBD_APPLIANCE_CACHE_DIR-}" ]; then
    "$1" "$RNBD_APPLIANCE_CACHE_DIR"
    return
  fi
  "$1" "$rnbd_system_root" && return
  case ${CACHE_DIRECTORY-} in
    /*) "$1" "${CACHE_DIRECTORY%%:*}" && return ;;
  esac
  case ${XDG_CACHE_HOME-} in
    /*) "$1" "$XDG_CACHE_HOME/rnbd-appliance" && return ;;
    *) case ${HOME-} in /*) "$1" "$HOME/.cache/rnbd-appliance" && return ;; esac ;;
  esac
  for rnbd_each in "$rnbd_temporary"/rnbd-appliance.??????????; do
    [ -O "$rnbd_each" ] && "$1" "$rnbd_each" && return
  done
  return 1
}

# Makes what is missing of the root folder $1, after a check of what leads there.
rnbd_make_root() {
  rnbd_path=$1
  while [ -n "$rnbd_path" ] && ! [ -e "$rnbd_path" ] && ! [ -L "$rnbd_path" ]; do
    rnbd_path=${rnbd_path%/*}
  done
  rnbd_existing=${rnbd_path:-/} rnbd_missing=${1#"$rnbd_path"}
  if ! [ -w "$rnbd_existing" ]; then
    rnbd_reason="$rnbd_existing cannot be written"
    return 1
  fi
  if [ -z "$rnbd_missing" ]; then
    rnbd_trust "$rnbd_existing" root
    return
  fi
  rnbd_trust "$rnbd_existing" parent || return 1
  rnbd_wanted=$rnbd_root$rnbd_missing
  rnbd_reason=$(
    rnbd_use_tools
    # A user's is private; the system's serves every user.
    [ "$rnbd_user" -eq 0 ] || umask 077
    mkdir -p -- "$rnbd_wanted" 2>&1
  ) && rnbd_trust "$rnbd_wanted" root
}

# Own tools, and none of the settings by which an environment changes what they do. Only in
# subshells: the environment of the program stays as it is.
rnbd_use_tools() {
  PATH=$rnbd_tools LC_ALL=C
  export PATH LC_ALL
  unset -v CDPATH TAR_OPTIONS GZIP POSIXLY_CORRECT
  umask 022
}

rnbd_try_start() { # root folder
  [ -f "$1/$rnbd_id/.verified" ] && rnbd_trust "$1" version || return 1
  rnbd_reason='no program may run there (it is mounted noexec)'
  [ -x "$rnbd_root/$rnbd_id/$rnbd_runtime" ]
}

rnbd_try_code() { # root folder
  rnbd_make_root "$1" || return 1
  [ -n "$rnbd_code" ] || rnbd_make_code
}

# Makes the folder for V8's code cache in the checked root folder; those of gone versions go.
rnbd_make_code() {
  rnbd_probe=$rnbd_root/$rnbd_id.code
  (
    rnbd_use_tools
    mkdir -m 0700 -- "$rnbd_probe" || exit
    for rnbd_old in "$rnbd_root"/*-????????????????.code; do
      if [ -O "$rnbd_old" ] && [ "$rnbd_old" != "$rnbd_probe" ] && ! [ -e "${rnbd_old%.code}" ]
      then
        rm -rf -- "$rnbd_old"
      fi
    done
  ) 2>/dev/null && rnbd_code=$rnbd_probe
}

# Settings of Deno that change what is loaded, asked, listened on, sent or written. Left alone: the
# limits (DENO_V8_FLAGS, DENO_USE_CGROUPS) and whom TLS trusts (DENO_CERT, DENO_TLS_CA_STORE).
rnbd_clean_environment() {
  unset -v DENO_AUDIT_PERMISSIONS DENO_AUTH_TOKENS DENO_AUTO_SERVE DENO_CACHE_DB_MODE \
    DENO_CACHE_LSC_ENDPOINT DENO_COMPAT DENO_CONDITIONS DENO_COVERAGE_DIR DENO_DIR \
    DENO_EMIT_CACHE_MODE DENO_INSTALL_ROOT DENO_INTERNAL_CHILD_ENTRYPOINT DENO_JOBS \
    DENO_KV_ACCESS_TOKEN DENO_KV_DB_MODE DENO_KV_DEFAULT_PATH DENO_KV_PATH_PREFIX \
    DENO_KV_REQUIRES_DISTRIBUTED_DATABASE DENO_NODE_TRACE_EVENT_CATEGORIES DENO_NO_PACKAGE_JSON \
    DENO_PATCH_REACT_CVE DENO_SERVE_ADDRESS DENO_SERVE_AUTOMATIC_COMPRESSION \
    DENO_TRACE_PERMISSIONS DENO_TRUST_PROXY_HEADERS DENO_TSC_BIN DENO_USR2_MEMORY_TRIM \
    NODE_CHANNEL_FD NODE_OPTIONS NODE_V8_COVERAGE OTEL_DENO
  DENO_NO_PROMPT=1 DENO_NO_UPDATE_CHECK=1
  export DENO_NO_PROMPT DENO_NO_UPDATE_CHECK
}

# Becomes the program in the folder $1.
rnbd_become() {
  if [ -z "$rnbd_code" ]; then rnbd_each_root rnbd_try_code; fi
  # A file in it that is not ours is from a time when others could write there.
  for rnbd_each in ${rnbd_code:+"$rnbd_code"/*}; do
    if [ -L "$rnbd_each" ] || { [ -e "$rnbd_each" ] && ! [ -O "$rnbd_each" ]; }; then
      rnbd_code=''
      break
    fi
  done
  rnbd_cache_option=''
  # No folder can be made below a device: with none of ours, Deno keeps nothing.
  [ -n "$rnbd_code" ] || rnbd_code=/dev/null/none rnbd_cache_option=--no-code-cache
  rnbd_clean_environment
  DENO_DIR=$rnbd_code
  export DENO_DIR
  rnbd_ended=1
  rnbd_exec "$@"
}

rnbd_check_machine() {
  ! [ -e "$rnbd_loader" ] || return 0
  rnbd_has=$(PATH=$rnbd_tools && uname -m)
  [ "$rnbd_has" = "$rnbd_machine" ] ||
    rnbd_fail 69 "this file is for $rnbd_machine, this machine is $rnbd_has"
  rnbd_fail 69 "needs glibc, which Debian has; here is none ($rnbd_loader is missing)"
}

# Finds this file: a name that no tool takes for an option, and not a symlink.
rnbd_find_self() {
  rnbd_self=$0
  case $rnbd_self in
    */*) ;;
    *) if [ -f "./$0" ]; then rnbd_self=./$0; else rnbd_self=$(command -v -- "$0"); fi ;;
  esac
  if [ -L "$rnbd_self" ]; then
    rnbd_self=$(PATH=$rnbd_tools && readlink -f -- "$rnbd_self" && printf x)
    rnbd_self=${rnbd_self%?x}
  fi
  if ! [ -f "$rnbd_self" ] || ! [ -r "$rnbd_self" ]; then
    rnbd_fail 69 "cannot read its own file ($0); start it by its path"
  fi
}

rnbd_start() {
  case ${1-} in
    --unpack | --verify-executable) return ;;
  esac
  rnbd_check_machine
  if [ "$rnbd_kind" = folder ]; then
    rnbd_find_self
    rnbd_folder=${rnbd_self%/*}
    case $rnbd_folder in
      /* | '') ;;
      *) rnbd_folder=$PWD/$rnbd_folder ;;
    esac
    rnbd_become "$rnbd_folder" "$@"
  fi
  if rnbd_each_root rnbd_try_start; then rnbd_become "$rnbd_root/$rnbd_id" "$@"; fi
}

# Whatever the environment has set.
set +a +e +f +u +C
IFS=' 	
'
rnbd_code=''
case ${TMPDIR-} in
  /*) rnbd_temporary=$TMPDIR ;;
  *) rnbd_temporary=/tmp ;;
esac
case ${RNBD_APPLIANCE_CACHE_DIR:-/} in
  /*) ;;
  *) rnbd_fail 78 "RNBD_APPLIANCE_CACHE_DIR is no absolute path: $RNBD_APPLIANCE_CACHE_DIR" ;;
esac
rnbd_start "$@"
