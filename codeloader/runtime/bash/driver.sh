# Runs one function of an author's file, in a process of its own:
#   bash driver.sh FILE REPLACEMENTS [FUNCTION ARGUMENT...]
# Without FUNCTION it only reads the file, to see that this works. What the functions below tell the worker goes
# through descriptor 9 as records of three strings, each ended by NUL.

flow_record() { printf '%s\0' "$1" "$2" "$3" >&9; }

# flow_result TEXT, flow_result_json JSON: what the call returns; null if neither is used.
flow_result() { flow_record result '' "$1"; }
flow_result_json() { flow_record result_json '' "$1"; }
# flow_plug NAME TEXT: sends a value to a named output. flow_output NAME TEXT: stores it with the call.
flow_plug() { flow_record plug "$1" "$2"; }
flow_plug_json() { flow_record plug_json "$1" "$2"; }
flow_output() { flow_record output "$1" "$2"; }
flow_output_json() { flow_record output_json "$1" "$2"; }
# flow_fail TYPE MESSAGE: fails the call.
flow_fail() {
  flow_record fail "$1" "$2"
  exit 1
}

# Where the last command that failed stands; told when the function fails.
flow_trace() {
  local i
  # The functions around it end with the same status, one after another: the innermost place counts.
  if [[ ${flow_traced%%$'\n'*} == "$1: status $2" ]]; then return; fi
  flow_traced="$1: status $2"
  for ((i = 1; i < ${#FUNCNAME[@]}; ++i)); do
    if [[ ${BASH_SOURCE[i]} != "${BASH_SOURCE[0]}" ]]; then
      flow_traced+=$'\n'"  at ${FUNCNAME[i]} (${BASH_SOURCE[i]#"${flow_file%/*}/"}:${BASH_LINENO[i - 1]})"
    fi
  done
}
flow_end() {
  if (($1 != 0)); then flow_record trace '' "${flow_traced-}"; fi
}

flow_file=$1 flow_replacements=$2
shift 2
cd -- "${flow_file%/*}" || exit
# shellcheck disable=SC1090
source "$flow_file" || exit
if [[ -n $flow_replacements ]]; then
  # shellcheck disable=SC1090
  source "$flow_replacements" || exit
fi
if (($# == 0)); then exit 0; fi
# Functions of the file and nothing else: what is called may not be a command.
if ! declare -F -- "$1" >/dev/null || [[ $1 == flow_* ]]; then
  flow_record unknown '' "$1"
  exit 127
fi
flow_traced=
set -o errtrace
trap 'flow_trace "$BASH_COMMAND" "$?"' ERR
trap 'flow_end "$?"' EXIT
"$@"
