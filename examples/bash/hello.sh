# Plain functions of bash: each becomes a socket that can be called, and each call is a process of its own. Text arrives as it is,
# everything else as JSON; a comment in the form of a declaration names the parameters.

# A greeting for one person
# greet(name: str, greeting: str = "Hello") -> str
greet() { flow_result "${2:-Hello}, $1!"; }

# The sum of two whole numbers
# add(left: int, right: int) -> int
add() { flow_result_json "$(($1 + $2))"; }

# What it is given: annotated as json, text too arrives as JSON
# echo(value: json)
echo() { flow_result_json "$1"; }

# The text in capitals
# shout(text: str) -> str
shout() {
  printf 'shouting %s\n' "$1" # what a function prints is the log of its call
  flow_result "${1^^}"
}

# Sends the number on the output named even or odd
# sort_out(number: int)
sort_out() {
  if (($1 % 2 == 0)); then flow_plug_json even "$1"; else flow_plug_json odd "$1"; fi
}

# A failure: with its type and message, or with the command that failed and where it stands
# divide(dividend: int, divisor: int) -> int
divide() {
  if (($2 == 0)); then flow_fail ZeroDivision "division by zero"; fi
  flow_result_json "$(($1 / $2))"
}
