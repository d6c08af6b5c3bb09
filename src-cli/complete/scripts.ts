/** `rhumb completion <shell>`: scripts that ask `rhumb completion __complete` what may follow. */
import { RhumbError } from '#shared/errors.ts';
import type { Action, FlagValues } from '../commands/spec.ts';

type Script = (ask: string) => string;

/** Prints the script of one shell. */
export const printScript =
  (shell: string): Action =>
  async (context, { flags }) => {
    const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
    if (script === undefined) throw new RhumbError('internal', `there is no script for ${shell}`);
    context.out(script(question(flags)));
    return 0;
  };

const question = (flags: FlagValues): string =>
  `completion __complete --flags=${flags.bool('flags')} --descs=${flags.bool('descs')} --`;

/** The last line is `:` and bits: 1 failed, 2 no blank behind, 4 no files. Bash shows no descriptions for a single word. */
const bash: Script = (ask) => `# rhumb: completion for bash
_rhumb() {
  local cur prev words cword split line directive=0 i
  local -a offers=() shown=()
  if declare -F _get_comp_words_by_ref > /dev/null; then
    _get_comp_words_by_ref -n =: cur prev words cword
  else
    words=("\${COMP_WORDS[@]}") cword=$COMP_CWORD cur=\${COMP_WORDS[COMP_CWORD]}
  fi
  while IFS= read -r line; do offers+=("$line"); done < <(
    "\${words[0]}" ${ask} "\${words[@]:1:cword}" 2> /dev/null
  )
  i=$((\${#offers[@]} - 1))
  if ((i >= 0)) && [[ \${offers[i]} == :* ]]; then
    directive=\${offers[i]#:}
    unset "offers[i]"
  fi
  ((directive & 1)) && return
  if ((\${#offers[@]} == 1)); then
    shown=("\${offers[0]%%$'\\t'*}")
  else
    for line in "\${offers[@]}"; do
      # The list shows what each word is; a common beginning is completed all the same.
      if [[ \${COMP_TYPE:-0} == 63 && $line == *$'\\t'* ]]; then
        shown+=("\${line%%$'\\t'*}  (\${line#*$'\\t'})")
      else
        shown+=("\${line%%$'\\t'*}")
      fi
    done
  fi
  if ((\${#shown[@]} == 0 && (directive & 4) == 0)); then
    compopt -o default 2> /dev/null
    return
  fi
  ((directive & 2)) && compopt -o nospace 2> /dev/null
  # Readline breaks words at = and :, so what is before the last one is already there.
  if [[ $cur == *[=:]* ]]; then
    local before=\${cur%"\${cur##*[=:]}"}
    shown=("\${shown[@]#"$before"}")
  fi
  COMPREPLY=("\${shown[@]}")
}
complete -F _rhumb rhumb
`;

const zsh: Script = (ask) => `#compdef rhumb
_rhumb() {
  local line directive=0
  local -a lines offers
  lines=("\${(@f)$("\${words[1]}" ${ask} "\${(@)words[2,CURRENT]}" 2> /dev/null)}")
  for line in "\${lines[@]}"; do
    if [[ $line == :* ]]; then
      directive=\${line#:}
    elif [[ -n $line ]]; then
      # A colon parts the word from what it is.
      if [[ $line == *$'\\t'* ]]; then
        offers+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
      else
        offers+=("\${line//:/\\\\:}")
      fi
    fi
  done
  ((directive & 1)) && return 1
  if ((\${#offers} > 0)); then
    _describe 'rhumb' offers
  elif (((directive & 4) == 0)); then
    _files
  fi
}
if [ "$funcstack[1]" = "_rhumb" ]; then _rhumb "$@"; else compdef _rhumb rhumb; fi
`;

const fish: Script = (ask) => `# rhumb: completion for fish
function __rhumb_ask
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] ${ask} $words[2..-1] 2>/dev/null)
    set -l directive 0
    if test (count $lines) -gt 0
        set directive (string replace -r '^:' '' -- $lines[-1])
        set -e lines[-1]
    end
    if test (count $lines) -eq 0; and test (math "bitand($directive, 5)") -eq 0
        __fish_complete_path (commandline -ct)
        return
    end
    printf '%s\\n' $lines
end
complete -c rhumb -f -a '(__rhumb_ask)'
`;

const powershell: Script = (ask) => `# rhumb: completion for PowerShell
Register-ArgumentCompleter -Native -CommandName rhumb -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)
  $words = @($commandAst.CommandElements | ForEach-Object { $_.ToString() })
  if ($wordToComplete -eq '') { $words += '' }
  $given = @($words | Select-Object -Skip 1)
  & $words[0] ${ask} @given 2> $null | ForEach-Object {
    if ($_.StartsWith(':')) { return }
    $word, $about = $_.Split("\`t", 2)
    if (-not $about) { $about = $word }
    [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $about)
  }
}
`;

const SCRIPTS: Readonly<Record<string, Script>> = { bash, zsh, fish, powershell };
