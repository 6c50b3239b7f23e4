#!/usr/bin/env bash
# Starts a node in a temporary directory, puts hello.py into git and calls its functions, printing each command.
# Needs `flow` and `flow-node` on the PATH; `./dev run` builds them and runs this.
set -euo pipefail
here=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
bold='' plain='' node_pid=''
if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; fi
demo=$(mktemp -d "${TMPDIR:-/tmp}/millrace.XXXXXX")

clean_up() {
  # Asked to stop, the node drains and exits; it is killed only when it does not.
  if [[ -n $node_pid ]] && kill -TERM "$node_pid" 2>/dev/null; then
    timeout 10 tail --pid="$node_pid" -f /dev/null || kill -KILL "$node_pid" 2>/dev/null || true
    wait "$node_pid" 2>/dev/null || true
  fi
  rm -rf -- "$demo"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

say() { printf '\n%s\n' "$*"; }
typed() { printf '%s$ %s%s\n' "$bold" "$1" "$plain"; }

# show TEXT: prints a command as one would type it, then runs it.
show() {
  typed "$1"
  eval "$1"
}

# The plugs go on after the first call has ended: waits until COUNT calls of the root ROOT have finished.
wait_for_all() {
  local deadline=$((SECONDS + 60))
  until (($(flow ls calls --filter "root=$1 and state=finished" -o name | wc -l) == $2)); do
    if ((SECONDS > deadline)); then
      flow ls calls --filter "root=$1" >&2
      exit 1
    fi
    sleep 0.1
  done
}

start_node() {
  FLOW_ADDRESS=127.0.0.1:$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  FLOW_TOKEN_FILE=$demo/data/admin.token
  FLOW_CONFIG_DIR=$demo/config
  export FLOW_ADDRESS FLOW_TOKEN_FILE FLOW_CONFIG_DIR
  typed "flow-node --name hello --data $demo/data --api $FLOW_ADDRESS --allow-repo 'file://$demo/*' &"
  flow-node --name hello --data "$demo/data" --api "$FLOW_ADDRESS" --allow-repo "file://$demo/*" \
    >"$demo/node.out" 2>"$demo/node.log" &
  node_pid=$!
  until grep -q ready "$demo/node.out"; do
    if ! kill -0 "$node_pid" 2>/dev/null; then
      cat "$demo/node.out" "$demo/node.log" >&2
      exit 1
    fi
    sleep 0.05
  done
  cat "$demo/node.out"
  typed "export FLOW_ADDRESS=$FLOW_ADDRESS FLOW_TOKEN_FILE=$FLOW_TOKEN_FILE"
}

say "A node, with everything it keeps in $demo:"
start_node

say "A module is a folder in git; its functions are what can be called:"
mkdir "$demo/hello"
cp "$here/hello.py" "$demo/hello"
cd "$demo/hello"
show "git init --quiet && git add hello.py"
show "git -c user.name=me -c user.email=me@localhost commit --quiet -m 'Say hello'"

say "A queue keeps calls, a processor runs a module, a socket is the address of one function:"
show "flow add queue hello.queue"
show "flow add processor hello --git $demo/hello --module hello --cpus 2 --sockets none"
show "flow add socket hello.greet --processor hello --task greet --queue hello.queue"
show "flow add socket hello.shout --processor hello --task shout --queue hello.queue"
show "flow add socket hello.count_words --processor hello --task count_words --queue hello.queue"

say "Calls; each is on disk before it is acknowledged:"
show "flow task run hello.greet --data '\"World\"'"
show "flow task run hello.count_words --data '\"to be or not to be\"'"
show "echo 'HI THERE!' | flow task run hello.greet | flow task run hello.shout"

say "A plug sends the result of one socket to the next, here greet -> shout -> count_words:"
show "flow add plug loud --source hello.greet --target hello.shout"
show "flow add plug count --source hello.shout --target hello.count_words"
show "call=\$(flow task run hello.greet --data '\"dear reader\"' --detach)"
# shellcheck disable=SC2154 # assigned by the command above
show "flow call wait $call"
wait_for_all "$call" 3
show "flow ls call $call --tree"
last=$(flow ls calls --filter "root=$call and socket=hello.count_words" -o name)
show "flow call result $last"
show "flow call logs $(flow ls calls --filter "root=$call and socket=hello.shout" -o name)"

say "All calls so far:"
show "flow ls calls"

cat <<TEXT

That was one node in a temporary directory, which is removed now. To go on:
  export PATH=$(dirname -- "$(command -v flow)"):\$PATH
  flow up         a node that stays; flow down ends it
  flow help       every command
  README.md       the same by hand, and what else there is
  examples/       the module that was called, and a program that calls it
TEXT
