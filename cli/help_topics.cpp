#include "cli/help.hpp"

namespace flow::cli {

const std::vector<std::pair<std::string, std::string>>& help_topics() {
  static const std::vector<std::pair<std::string, std::string>> table{
      {"exit-codes", "  0  done\n"
                     "  1  the task itself failed\n"
                     "  2  wrong usage, or a bad file\n"
                     "  3  no such object\n"
                     "  4  not allowed, or not logged in\n"
                     "  5  exists, or changed meanwhile\n"
                     "  6  timed out\n"
                     "  7  no server reachable\n"
                     "  8  some of many failed\n"
                     "  9  an internal error\n"
                     "130  interrupted\n"},
      {"input", "flow task run SOCKET takes its arguments from, in this order of looking:\n"
                "  --data VALUE     one positional argument: JSON or a Python literal, read and "
                "never evaluated\n"
                "  --data @FILE     the same, from a file; --data - from stdin\n"
                "  --args LIST      all positional arguments, as a list\n"
                "  --arg NAME=VALUE a keyword; VALUE is JSON if it can be read so, else text\n"
                "  --nodata         none at all\n"
                "  stdin            if it is piped and nothing of the above is given: its text, "
                "without the last line end.\n"
                "                   An empty stdin is no argument.\n"
                "A result that is a string is printed raw, anything else as JSON, so that calls "
                "can be piped:\n"
                "  echo \"HI THERE!\" | flow task run -s A | flow task run -s B\n"},
      {"jsonl", "flow task run SOCKET --jsonl makes one call a line of stdin. Each line is JSON: "
                "the call's one positional argument.\n"
                "Results are one JSON line each, in the order of the lines; a call that failed is "
                "{\"error\": {...}}, and the exit\n"
                "code is then 8. Blank lines are left out. Memory does not grow with the input. "
                "--key-prefix P gives the call\n"
                "of line i, counted from 0, the idempotency key P followed by i: the same input "
                "sent again makes no call twice.\n"},
      {"filter",
       "--filter EXPR, for example:\n"
       "  state=failed and queue~\"pyfi.*\" and started>-1h\n"
       "Operators: = != < <= > >= and ~ (pattern); joined by and, or, not, and parentheses.\n"
       "Times may be relative: -1h is an hour ago.\n"},
      {"environment",
       "FLOW_ADDRESS     the node to talk to (HOST:PORT)\n"
       "FLOW_TOKEN_FILE  file with the token to show it; FLOW_TOKEN: the token itself\n"
       "FLOW_CONTEXT     the context to use\n"
       "FLOW_CONFIG_DIR  where config.toml is (default: ~/.config/flow)\n"
       "FLOW_OUTPUT      default of --output\n"
       "FLOW_COLOR       default of --color; NO_COLOR turns colours off\n"
       "A flag wins over the environment, that over the context, that over the default; flow "
       "context show says which did.\n"},
  };
  return table;
}

} // namespace flow::cli
