// Calls a function on a node in every way the client library knows. Start a node, give it the
// module examples/hello, then:
//   hello_client 127.0.0.1:7717 DATA/admin.token hello.greet
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <latch>
#include <string>

#include "caf/all.hpp"

#include "flows/client.hpp"
#include "flows/client_actor.hpp"
#include "flows/typed_socket.hpp"

using namespace std::chrono_literals;

namespace {

// Every function that can fail returns a result: a value, or an error with a code, a text and a
// hint.
template <class T>
T value_or_exit(flow::result<T> got) {
  if (got) return std::move(*got);
  std::cerr << to_string(got.error()) << "\n";
  std::exit(flow::exit_code(got.error().code));
}

flow::client connect(const std::string& address, const std::string& token_file) {
  // -- connect --
  flow::client_options options;
  options.address = address;
  std::ifstream{token_file} >> options.token;
  options.name = "hello_client";
  auto client = value_or_exit(flow::client::connect(options));
  // -- connect end --
  std::cout << "connected to " << client.node_name() << " as " << client.user() << "\n";
  return client;
}

void call(const flow::client& client, const std::string& socket) {
  // -- call --
  // Checked once against the signature that the node knows; then it is a function.
  auto greet = value_or_exit(client.socket<std::string(std::string, std::string)>(socket));
  std::string greeting = value_or_exit(greet("world", "Hello"));
  // -- call end --
  std::cout << "called: " << greeting << "\n";
}

flow::call_id launch(const flow::client& client, const std::string& socket) {
  // -- launch --
  auto args = flow::make_arguments({flow::value_of(std::string{"later"})});
  // On disk when this returns: the program may end now. A second launch with the same key is the
  // same call.
  auto call = value_or_exit(client.launch(socket, args, {.priority = 7, .key = "order-17"}));
  flow::call_id id = call.id();
  // -- launch end --
  std::cout << "launched: " << to_string(id) << "\n";
  return id;
}

void wait(const flow::client& client, const flow::call_id& id) {
  // -- wait --
  // By its id, from any program: waiting longer, or again, does no harm.
  flow::call_outcome outcome = value_or_exit(client.find(id).wait(30s));
  if (outcome.ok())
    std::cout << "result: " << to_plain_text(outcome.returned) << "\n";
  else
    std::cout << "call " << to_string(outcome.state) << ": " << outcome.why.message << "\n";
  // -- wait end --
}

void cancel(const flow::client& client, const std::string& socket) {
  // -- cancel --
  auto args = flow::make_arguments({flow::value_of(std::string{"never"})});
  auto call = value_or_exit(client.launch(socket, args, {.delay_ms = 3'600'000}));
  if (auto cancelled = call.cancel(); !cancelled) std::cerr << to_string(cancelled.error()) << "\n";
  std::cout << "cancelled: " << to_string(value_or_exit(call.wait(30s)).state) << "\n";
  // -- cancel end --
}

void many(const flow::client& client, const std::string& socket) {
  // -- many --
  // Nothing waits for the answer of the one before; above 65,536 unanswered calls `submit` waits
  // for room.
  std::atomic<int> finished = 0;
  std::latch open{1'000};
  for (int i = 0; i < 1'000; ++i) {
    auto args = flow::make_arguments({flow::value_of("caller " + std::to_string(i))});
    client.submit(
        socket, args, {},
        [&](flow::result<flow::call_id> id) {
          if (!id) open.count_down(); // refused: it will not end
        },
        [&](const flow::call_outcome& outcome) {
          finished += outcome.ok();
          open.count_down();
        });
  }
  open.wait();
  // -- many end --
  std::cout << "many: " << finished << " of 1000 finished\n";
}

void call_from_an_actor(const flow::client& client, const std::string& socket) {
  caf::actor_system_config config;
  caf::actor_system system{config};
  // -- actor --
  system.spawn([client, socket](caf::event_based_actor* self) {
    auto args = flow::make_arguments({flow::value_of(std::string{"actor"})});
    self->request(client.spawn_actor(self->system()), 30s, flow::call_socket{socket, args})
        .then(
            [](const flow::call_outcome& outcome) {
              std::cout << "actor: " << to_plain_text(outcome.returned) << "\n";
            },
            [](const caf::error& why) { std::cerr << to_string(flow::error_of(why)) << "\n"; });
  });
  // -- actor end --
  system.await_all_actors_done();
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: hello_client ADDRESS TOKEN_FILE SOCKET\n";
    return 2;
  }
  const std::string socket = argv[3];
  auto client = connect(argv[1], argv[2]);
  call(client, socket);
  wait(client, launch(client, socket));
  cancel(client, socket);
  many(client, socket);
  call_from_an_actor(client, socket);
}
