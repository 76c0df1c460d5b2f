# bash completion for rnbd-appliance
# Made of src/cli/verbs.ts: SNAP_UPDATE=1 deno test -A tests/cli/generated_test.ts

# Words as they were typed: bash takes tcp:192.0.2.1 apart at its colons.
_rnbd_appliance_words() {
  words=()
  cword=0
  local line=$COMP_LINE i word
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    if ((i > 0)) && [[ $line != [[:space:]]* ]]; then
      words[cword]+=$word
    else
      ((i > 0)) && ((++cword))
      words[cword]=$word
      line=${line#"${line%%[![:space:]]*}"}
    fi
    line=${line#"$word"}
  done
}

_rnbd_appliance() {
  local -a words
  local cword current before word options='' candidate breaks kept=''
  _rnbd_appliance_words
  words=("${words[@]//\\/}")
  words=("${words[@]//\"/}")
  words=("${words[@]//\'/}")
  current=${words[cword]}
  before=${words[cword - 1]}
  COMPREPLY=()
  case $before in
    --config|--socket)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
  esac
  if ((cword == 1)); then
    mapfile -t COMPREPLY < <(compgen -W '--config run check plan apply export-config adopt status list show dump watch explain inflight events metrics map unmap remap resize recover close revalidate disconnect reconnect add delete readd set verify bench doctor demo version help client server both device mapping session path export' -- "$current")
    return
  fi
  if [[ $current == -* ]]; then
    for word in "${words[@]:1:cword-1}"; do
      case $word in
        run) options='--config --log-level --log-format' ;;
        check) options='--config --live --output' ;;
        plan) options='--output --socket --config' ;;
        apply) options='--timeout --output --socket --config' ;;
        export-config) options='--socket --config' ;;
        adopt) options='--to --output --socket --config' ;;
        status) options='--wait --timeout --output --units --precision --no-headers --no-totals --no-tree --socket --config' ;;
        list) options='--output --columns --units --precision --no-headers --no-totals --no-tree --socket --config' ;;
        show) options='--output --columns --units --precision --no-headers --no-totals --no-tree --socket --config' ;;
        dump) options='--output --columns --units --precision --no-headers --no-totals --no-tree --socket --config' ;;
        watch) options='--interval --count --output --socket --config' ;;
        explain) options='--output --socket --config' ;;
        inflight) options='--limit --output --columns --units --precision --no-headers --no-totals --socket --config' ;;
        events) options='--after --count --output --socket --config' ;;
        metrics) options='--socket --config' ;;
        map) options='--from --sessname --path --dest-port --access-mode --name --expose --output --socket --config' ;;
        unmap) options='--force --wait --timeout --output --socket --config' ;;
        remap) options='--force --output --socket --config' ;;
        resize) options='--output --socket --config' ;;
        recover) options='--output --socket --config' ;;
        close) options='--force --output --socket --config' ;;
        revalidate) options='--output --socket --config' ;;
        disconnect) options='--output --socket --config' ;;
        reconnect) options='--output --socket --config' ;;
        add) options='--output --socket --config' ;;
        delete) options='--output --socket --config' ;;
        readd) options='--output --socket --config' ;;
        set) options='--output --socket --config' ;;
        verify) options='--destroy-data --bytes --bs --iodepth --seed --output --socket --config' ;;
        bench) options='--rw --bs --iodepth --runtime --jobs --destroy-data --output --socket --config' ;;
        doctor) options='--output' ;;
        demo) options='--stay' ;;
        version) options='--output' ;;
        help) options='' ;;
      esac
      [[ -n $options ]] && break
    done
    if [[ -n $options ]]; then
      mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$current")
      ((${#COMPREPLY[@]})) && return
    fi
  fi
  # What is typed after the last character at which bash takes words apart is all it replaces.
  breaks=${COMP_WORDBREAKS//[!:=@]/}
  if [[ -n $breaks && $current == *["$breaks"]* ]]; then
    kept=${current%"${current##*["$breaks"]}"}
  fi
  while IFS= read -r candidate; do
    candidate=${candidate%%$'\t'*}
    [[ $candidate == "$current"* ]] || continue
    [[ $candidate == *= ]] && compopt -o nospace 2>/dev/null
    candidate=${candidate#"$kept"}
    [[ $candidate == *[!A-Za-z0-9_.,:=@+/%-]* ]] && printf -v candidate '%q' "$candidate"
    COMPREPLY+=("$candidate")
  done < <("${words[0]}" complete "${words[@]:1:cword}" 2>/dev/null)
}

complete -F _rnbd_appliance rnbd-appliance
