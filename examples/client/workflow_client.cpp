// Workflows from C++, typed: the module has t(*args), which returns the list of its arguments.
//   workflow_client 127.0.0.1:7717 DATA/admin.token demo.t
// prints the values of one workflow of each kind, one a line, as JSON.
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

#include "flows/client.hpp"
#include "flows/typed_workflow.hpp"

using namespace std::chrono_literals;

namespace {

using values = std::vector<flow::value>;

template <class T>
T value_or_exit(flow::result<T> got) {
  if (got) return std::move(*got);
  std::cerr << to_string(got.error()) << "\n";
  std::exit(flow::exit_code(got.error().code));
}

template <class Workflow, class... Given>
void show(const flow::client& client, const Workflow& what, const Given&... given) {
  auto returned = value_or_exit(flow::run(client, 100s, what, given...));
  std::cout << flow::to_json_text(flow::value_of(returned)) << std::endl;
}

} // namespace

int main(int count, char** words) {
  if (count != 4) {
    std::cerr << "usage: workflow_client ADDRESS TOKEN-FILE SOCKET\n";
    return 2;
  }
  flow::client_options options;
  options.address = words[1];
  std::ifstream{words[2]} >> options.token;
  auto client = value_or_exit(flow::client::connect(options));
  // One function, as it is called with one argument and with two.
  auto one = value_or_exit(client.socket<values(flow::value)>(words[3]));
  auto two = value_or_exit(client.socket<values(flow::value, flow::value)>(words[3]));
  auto int_of = [](int n) { return flow::value_of(n); };
  auto first = [&](int n) { return flow::step(one, int_of(n)); };
  auto next = [&](int n) { return flow::step(two, int_of(n)); };

  // -- workflows --
  auto chain = flow::pipeline(first(1), next(2), next(3));
  show(client, chain);
  show(client, flow::pipeline(first(0), flow::parallel(next(1), next(2)), next(4)));
  show(client, flow::funnel(first(1), first(2))(flow::step(two, flow::value_of("b"))));
  show(client, flow::parallel(first(0), flow::parallel(first(1), first(2)), first(5)));
  show(client, flow::parallel(next(0), next(1)), "X");
  show(client, flow::segment(one, std::vector{1, 2, 3}, 2));
  show(client, flow::parallel(chain, chain)); // a value: as often as one likes
  // -- workflows end --

  auto call = value_or_exit(flow::launch(client, chain)); // on disk: the program may end now
  std::cout << to_string(call.id()) << "\n";
}
