#!/bin/bash
# A module for the tests of the bash worker.

# Gives back what it was given.
# echo_value(v: json)
echo_value() { flow_result_json "$1"; }

# echo_text(text)
echo_text() { flow_result "$1"; }

# The sum of two.
# add(a: int, b: int = 10) -> int
add() { flow_result_json "$(($1 + ${2:-10}))"; }

fails() {
  echo "before it failed" >&2
  inner_failure
}
inner_failure() { ls /nothing/here; }

fails_well() { flow_fail ShopClosed "come back at nine"; }

prints() {
  echo "$1"
  echo "$1 again" >&2
  /usr/bin/echo "$1 by a child"
}

prints_and_waits() {
  echo "$1"
  sleep 1000
}

routes() {
  flow_plug even "$1"
  flow_plug_json odd '{"n": [1]}'
  flow_output report text
  flow_result done
}

not_json() { flow_result_json "{broken"; }

call() { flow_result "$MILLRACE_CALL $MILLRACE_ATTEMPT"; }

exits() { kill -SEGV $BASHPID; }

count() { flow_result "$#"; }

: <<'TEXT'
not_a_function() {
TEXT
