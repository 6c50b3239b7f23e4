#define CAF_SUITE cli.completion

#include "cli/completion.hpp"
#include "scripted_server.hpp"

#include <algorithm>

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::cli;
using flow::cli::test::flow_run;

namespace {

std::vector<std::string> words_for(const std::vector<std::string>& typed) {
  std::vector<std::string> words;
  auto names = [](const std::string& kind) {
    return std::vector<std::string>{kind + "-1", kind + "-2"};
  };
  for (auto& each : complete(typed, names))
    words.push_back(each.word);
  return words;
}

using strings = std::vector<std::string>;

} // namespace

CAF_TEST(the script in JSON is its text) {
  flow_run flow;
  CAF_CHECK_EQUAL(flow("completion bash"), 0);
  const auto script = flow.out;
  CAF_CHECK_EQUAL(flow("completion bash -o json"), 0);
  CAF_CHECK_EQUAL(flow.out_json()["text"], script);
}

CAF_TEST(commands and kinds are completed) {
  CAF_CHECK_EQUAL(words_for({"pr"}), strings{"proc"});
  CAF_CHECK_EQUAL(words_for({"queue", ""}), (strings{"pause", "purge", "resume"}));
  CAF_CHECK_EQUAL(words_for({"ls", "que"}), strings{"queue"});
  CAF_CHECK_EQUAL(words_for({"-o", "json", "queue", "pa"}), strings{"pause"});
  CAF_CHECK(words_for({}).size() > 10);
}

CAF_TEST(names that exist now are completed) {
  CAF_CHECK_EQUAL(words_for({"show", "queue", ""}), (strings{"queue-1", "queue-2"}));
  CAF_CHECK_EQUAL(words_for({"proc", "pause", "processor-2"}), strings{"processor-2"});
  CAF_CHECK_EQUAL(words_for({"task", "run", "so"}), (strings{"socket-1", "socket-2"}));
  CAF_CHECK_EQUAL(words_for({"add", "socket", "x", "--processor", ""}),
                  (strings{"processor-1", "processor-2"}));
  CAF_CHECK_EQUAL(words_for({"add", "queue", ""}), strings{});
}

CAF_TEST(options and their choices are completed) {
  CAF_CHECK_EQUAL(words_for({"add", "queue", "q", "--ty"}), strings{"--type"});
  CAF_CHECK_EQUAL(words_for({"add", "queue", "q", "--type", ""}),
                  (strings{"direct", "topic", "fanout"}));
  CAF_CHECK_EQUAL(words_for({"ls", "queue", "-o", "j"}), (strings{"json", "jsonl"}));
}

CAF_TEST(the hidden command prints words with their meaning) {
  flow_run flow;
  flow.node.answer("object.list", R"({"items":[{"name":"orders"},{"name":"other"}],"next":null})");
  CAF_CHECK_EQUAL(flow("__complete -- show queue o"), 0);
  CAF_CHECK_EQUAL(flow.out, "orders\nother\n");
  CAF_CHECK_EQUAL(flow("__complete -- vers"), 0);
  CAF_CHECK_EQUAL(flow.out, "version\tthe version of this program\n");
  flow.node.no_connection = make_error(ec::no_server, "");
  CAF_CHECK_EQUAL(flow("__complete -- show queue o"), 0);
  CAF_CHECK_EQUAL(flow.out + flow.err, "");
}

CAF_TEST(there is a script for each shell) {
  for (auto shell : {"bash", "zsh", "fish"}) {
    flow_run flow;
    CAF_CHECK_EQUAL(flow(std::string{"completion "} + shell), 0);
    CAF_CHECK(flow.out.find("flow __complete --") != std::string::npos);
  }
  flow_run flow;
  CAF_CHECK_EQUAL(flow("completion tcsh"), 2);
}
