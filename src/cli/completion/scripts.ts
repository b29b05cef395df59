/**
 * The scripts that make shells ask `berth __complete`. What may be completed is known there; here is only how each
 * shell tells what was typed, and takes what is answered.
 */
export const completionScripts = {
  bash: `# bash completion of berth: source <(berth completion bash)
_berth() {
  local typed=\${COMP_LINE:0:COMP_POINT} current= breaks prefix= line word
  local -a words
  # Not COMP_WORDS: bash cuts names of images and --option=value at their ":" and "=".
  read -ra words <<<"$typed"
  case $typed in
    *[[:space:]]) words+=("") ;;
    *) current=\${words[\${#words[@]} - 1]} ;;
  esac
  # Of what it cuts it replaces the last part alone.
  breaks=\${COMP_WORDBREAKS//[^:=]/}
  if [ -n "$breaks" ]; then prefix=\${current%"\${current##*[$breaks]}"}; fi
  COMPREPLY=()
  while IFS= read -r line; do
    word=\${line%%$'\\t'*}
    if [ "$word" = :files ]; then
      compopt -o default
    else
      COMPREPLY+=("\${word#"$prefix"}")
      case $word in *:) compopt -o nospace ;; esac
    fi
  done < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
}
complete -F _berth berth
`,
  zsh: `#compdef berth
# zsh completion of berth: source <(berth completion zsh), or as _berth in a directory of $fpath
_berth() {
  local -a found
  local line
  for line in "\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      '') ;;
      :files) _files ;;
      *) found+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  (( $#found == 0 )) || _describe -V berth found
}
if [ "$funcstack[1]" = _berth ]; then _berth "$@"; else compdef _berth berth; fi
`,
  fish: `# fish completion of berth: berth completion fish | source
function __berth_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] __complete $words[2..] "$current" 2>/dev/null)
        if test "$line" = :files
            __fish_complete_path "$current"
        else
            echo $line
        end
    end
end
complete -c berth -f -a '(__berth_complete)'
`,
} as const;
