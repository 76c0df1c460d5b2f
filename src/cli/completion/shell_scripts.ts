/**
 * Completion scripts for bash, zsh and fish, made of the table of verbs. What never changes (verbs,
 * options, the values that some take) stands in the scripts; names and columns are asked of the
 * hidden verb `complete`.
 */
import type { OptionSpec } from "../grammar/spec.ts";
import { MODE_WORDS, THING_WORDS } from "../grammar/words.ts";
import { PROGRAM } from "../program_name.ts";
import { SHOWN_VERBS } from "../verbs.ts";

const NOTICE = "Made of src/cli/verbs.ts: SNAP_UPDATE=1 deno test -A tests/cli/generated_test.ts";

/** What can stand first, and what it means. */
const FIRST_WORDS: readonly (readonly [string, string])[] = [
  ...SHOWN_VERBS.map(({ name, summary }) => [name, summary] as const),
  ...[...MODE_WORDS, ...THING_WORDS].map(({ name, doc }) => [name, doc] as const),
];

/** Options whose value is a file, by every name. */
const FILE_OPTIONS: readonly string[] = [
  ...new Set(
    SHOWN_VERBS.flatMap(({ options }) => options)
      .filter(({ completes }) => completes === "file")
      .map(({ name }) => `--${name}`),
  ),
];

const HELP: OptionSpec = { name: "help", doc: "explain the verb" };

const ALL_OPTIONS: readonly OptionSpec[] = [
  ...new Map(
    [HELP, ...SHOWN_VERBS.flatMap(({ options }) => options)].map((option) => [option.name, option]),
  ).values(),
];

/** In single quotes; the texts of the table have no line ends. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

const BASH_WORDS = `# Words as they were typed: bash takes tcp:192.0.2.1 apart at its colons.
_rnbd_appliance_words() {
  words=()
  cword=0
  local line=$COMP_LINE i word
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if ((i > 0)) && [[ $line != [[:space:]]* ]]; then
      words[cword]+=$word
    else
      ((i > 0)) && ((++cword))
      words[cword]=$word
      line=\${line#"\${line%%[![:space:]]*}"}
    fi
    line=\${line#"$word"}
  done
}

`;

const BASH_NAMES =
  `  # What is typed after the last character at which bash takes words apart is all it replaces.
  breaks=\${COMP_WORDBREAKS//[!:=@]/}
  if [[ -n $breaks && $current == *["$breaks"]* ]]; then
    kept=\${current%"\${current##*["$breaks"]}"}
  fi
  while IFS= read -r candidate; do
    candidate=\${candidate%%$'\\t'*}
    [[ $candidate == "$current"* ]] || continue
    [[ $candidate == *= ]] && compopt -o nospace 2>/dev/null
    candidate=\${candidate#"$kept"}
    [[ $candidate == *[!A-Za-z0-9_.,:=@+/%-]* ]] && printf -v candidate '%q' "$candidate"
    COMPREPLY+=("$candidate")
  done < <("\${words[0]}" complete "\${words[@]:1:cword}" 2>/dev/null)
}

`;

/** For bash, with or without the package bash-completion. */
export function bashCompletion(): string {
  const verbs = SHOWN_VERBS.map(({ name, options }) =>
    `    ${name}) options=${quoted(options.map((one) => `--${one.name}`).join(" "))} ;;`
  );
  return `# bash completion for ${PROGRAM}
# ${NOTICE}

${BASH_WORDS}_rnbd_appliance() {
  local -a words
  local cword current before word options='' candidate breaks kept=''
  _rnbd_appliance_words
  words=("\${words[@]//\\\\/}")
  words=("\${words[@]//\\"/}")
  words=("\${words[@]//\\'/}")
  current=\${words[cword]}
  before=\${words[cword - 1]}
  COMPREPLY=()
  case $before in
    ${FILE_OPTIONS.join("|")})
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$current")
      return
      ;;
  esac
  if ((cword == 1)); then
    mapfile -t COMPREPLY < <(compgen -W ${
    quoted(["--config", ...FIRST_WORDS.map(([word]) => word)].join(" "))
  } -- "$current")
    return
  fi
  if [[ $current == -* ]]; then
    for word in "\${words[@]:1:cword-1}"; do
      case $word in
${verbs.map((line) => `    ${line}`).join("\n")}
      esac
      [[ -n $options ]] && break
    done
    if [[ -n $options ]]; then
      mapfile -t COMPREPLY < <(compgen -W "$options --help" -- "$current")
      ((\${#COMPREPLY[@]})) && return
    fi
  fi
${BASH_NAMES}complete -F _rnbd_appliance ${PROGRAM}
`;
}

/** `'word:meaning'`, as zsh's _describe takes it. */
const described = ([word, doc]: readonly [string, string]) =>
  quoted(`${word.replaceAll(":", "\\:")}:${doc}`);

/** For zsh. */
export function zshCompletion(): string {
  const verbs = SHOWN_VERBS.map(({ name, options }) => {
    const list = [...options, HELP].map((option) => described([`--${option.name}`, option.doc]));
    return `    ${name}) options=(${list.join(" ")}) ;;`;
  });
  return `#compdef ${PROGRAM}
# ${NOTICE}

_rnbd_appliance() {
  local word line current=\${words[CURRENT]} before=\${words[CURRENT-1]}
  local -a first options found
  first=(
${FIRST_WORDS.map((one) => `    ${described(one)}`).join("\n")}
  )
  case $before in
    (${FILE_OPTIONS.join("|")}) _files; return ;;
  esac
  if (( CURRENT == 2 )); then
    _describe -t verbs 'verb' first && return
  fi
  if [[ $current == -* ]]; then
    for word in \${words[2,CURRENT-1]}; do
      case $word in
${verbs.map((text) => `    ${text}`).join("\n")}
      esac
      (( $#options )) && break
    done
    (( $#options )) && _describe -t options 'option' options && return
  fi
  for line in "\${(@f)$("\${words[1]}" complete "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  (( $#found )) && _describe -t names 'name' found
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _rnbd_appliance "$@"
else
  compdef _rnbd_appliance ${PROGRAM}
fi
`;
}

/** For fish. */
export function fishCompletion(): string {
  const first = FIRST_WORDS.map(([word, doc]) =>
    `complete -c ${PROGRAM} -n __fish_use_subcommand -a ${word} -d ${quoted(doc)}`
  );
  const options = ALL_OPTIONS.map((option) => {
    const verbs = SHOWN_VERBS.filter(({ options }) =>
      option === HELP || options.some(({ name }) => name === option.name)
    );
    const seen = `__fish_seen_subcommand_from ${verbs.map(({ name }) => name).join(" ")}`;
    return [
      `complete -c ${PROGRAM} -n ${quoted(seen)} -l ${option.name}`,
      ...(option.short === undefined ? [] : [`-s ${option.short}`]),
      ...(option.value === undefined ? [] : [option.completes === "file" ? "-r -F" : "-x"]),
      ...valueWords(option),
      `-d ${quoted(option.doc)}`,
    ].join(" ");
  });
  return `# fish completion for ${PROGRAM}
# ${NOTICE}

function __rnbd_appliance_complete
    set -l words (commandline -opc) (commandline -ct)
    command $words[1] complete $words[2..-1] 2>/dev/null
end

complete -c ${PROGRAM} -f
complete -c ${PROGRAM} -n __fish_use_subcommand -l config -r -F -d 'the config file to run with'
${first.join("\n")}
${options.join("\n")}
complete -c ${PROGRAM} -n 'not __fish_use_subcommand' -a '(__rnbd_appliance_complete)'
`;
}

/** What an option of fish takes: fixed words, or what the program says. */
function valueWords({ value, completes }: OptionSpec): string[] {
  if (value === undefined || completes === undefined || completes === "file") return [];
  if (typeof completes !== "string") return [`-a ${quoted(completes.join(" "))}`];
  return ["-a '(__rnbd_appliance_complete)'"];
}
