// A client on a node of the test's own, and what a burst of calls came to.
#pragma once

#include <atomic>
#include <future>

#include "flows/client.hpp"
#include "flows/limits.hpp"

#include "fake_node.hpp"

#include "caf/test/dsl.hpp"

namespace flow::test {

struct fixture : fake_node {
  fixture() { CAF_REQUIRE(start()); }

  client_options to_node(const std::string& token = "secret") {
    client_options to;
    to.address = options.address;
    to.token = token;
    return to;
  }
  client connected() {
    auto c = client::connect(to_node());
    CAF_REQUIRE(c.has_value());
    return *c;
  }
};

arguments numbers(uint64_t n) {
  return make_arguments({value_of(n)});
}

/// How many answers each of many submissions got.
struct tally {
  explicit tally(size_t n) : accepted(n), ended(n) {}

  std::vector<std::atomic<uint8_t>> accepted;
  std::vector<std::atomic<uint8_t>> ended;
  counter all_ended;
  counter refused;
  counter wrong;

  void submit(client& to, size_t i) {
    to.submit(
        "shop.price", numbers(i), {},
        [this, i](result<call_id> id) {
          if (id)
            ++accepted[i];
          else
            refused.add();
        },
        [this, i](const call_outcome& outcome) {
          ++ended[i];
          if (!outcome.ok() || outcome.returned != value{numbers(i).positional}) wrong.add();
          all_ended.add();
        });
  }
  bool each_once() const {
    auto is_one = [](const std::atomic<uint8_t>& n) { return n == 1; };
    return std::all_of(accepted.begin(), accepted.end(), is_one)
           && std::all_of(ended.begin(), ended.end(), is_one);
  }
};

} // namespace flow::test
