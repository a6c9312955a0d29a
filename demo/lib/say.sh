# What the demo prints: headings, lines that are done, and lines that are rewritten while something runs.
# On a terminal a live line is rewritten in place; elsewhere it is printed whenever what it says changes.
# shellcheck shell=bash disable=SC2034,SC2154 # scripts/demo and its parts share their variables

bold='' dim='' green='' red='' plain=''
tty=false
if [[ -t 1 && ${TERM:-dumb} != dumb ]]; then
  tty=true
  if [[ -z ${NO_COLOR:-} ]]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
  fi
fi

heading() { printf '\n%s%s%s\n' "$bold" "$1" "$plain"; }

# shellcheck disable=SC2059 # the format is ours
note() { printf "  $1\n" "${@:2}"; }

done_line() { # NAME TEXT
  live_clear
  printf '  %s✓%s %-16s %s\n' "$green" "$plain" "$1" "$2"
}

live_shown=''

live() { # TEXT [KEY]: off a terminal it is printed only when KEY (by default TEXT) is another than the last
  local key=${2-$1}
  if $tty; then
    printf '\r\e[K  %s%s%s' "$dim" "$(fitted "· $1")" "$plain"
  elif [[ $key != "$live_shown" ]]; then
    printf '  · %s\n' "$1"
  fi
  live_shown=$key
}

live_clear() {
  if $tty && [[ -n $live_shown ]]; then
    printf '\r\e[K'
  fi
  live_shown=''
}

fitted() { # TEXT: what fits on one line
  local columns
  columns=$(stty size 2>/dev/null </dev/tty | cut -d ' ' -f 2) || columns=''
  ((${columns:-0} > 20)) || columns=80
  printf '%s' "${1:0:columns-4}"
}

indented() { sed "s/^/${1:-    }/"; }

seconds() { # MILLISECONDS
  printf '%d.%d s' $(($1 / 1000)) $(($1 % 1000 / 100))
}

now() { echo $((${EPOCHREALTIME//[.,]/} / 1000)); } # milliseconds
