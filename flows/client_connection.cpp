#include "flows/client_connection.hpp"

#include <future>

#include "flows/internal/client_core.hpp"
#include "flows/limits.hpp"

namespace flow {

result<std::shared_ptr<client_connection>> client_connection::open(client_options options) {
  auto where = parse_endpoint(options.address);
  if (!where) return where.error();
  auto shared = make_client_core(std::move(options), std::move(*where));
  std::shared_ptr<client_connection> connection{new client_connection{shared}};
  auto first = std::make_shared<std::promise<result<void>>>();
  auto opened = first->get_future();
  connection->thread_ = std::thread{[shared, first] {
    shared->run([first](result<void> how) { first->set_value(std::move(how)); });
  }};
  auto how = opened.get();
  if (!how) return how.error();
  return connection;
}

client_connection::client_connection(std::shared_ptr<client_core> shared)
    : core_{std::move(shared)} {}

client_connection::~client_connection() {
  core_->stop();
  // The last handle may go away inside of a callback: the thread then ends by itself.
  if (core_->on_own_thread())
    thread_.detach();
  else if (thread_.joinable())
    thread_.join();
}

uint64_t client_connection::submit(const std::string& socket, arguments args,
                                   const wire::submit_options& options, on::accepted accepted,
                                   on::ended ended, when_full full) {
  auto bytes = args.size_bytes();
  if (bytes > limits::payload_bytes_max) {
    accepted(make_error(ec::payload_too_large, "the arguments for " + socket + " have "
                                                   + std::to_string(bytes) + " bytes, at most "
                                                   + std::to_string(limits::payload_bytes_max)
                                                   + " are taken"));
    return 0;
  }
  wire::submit what;
  what.time_ms = core_->call_time_ms();
  what.socket = socket;
  what.args = std::move(args);
  what.options = options;
  auto seq = core_->ask_with_room(bytes, full, [&](client_ledger& ledger) {
    return ledger.submit(std::move(what), std::move(accepted), std::move(ended));
  });
  if (seq) return *seq;
  accepted(seq.error());
  return 0;
}

uint64_t client_connection::wait(const call_id& id, on::ended ended, when_full full) {
  auto seq = core_->ask_with_room(
      0, full, [&](client_ledger& ledger) { return ledger.wait(id, std::move(ended)); });
  if (seq) return *seq;
  ended(seq.error());
  return 0;
}

uint64_t client_connection::request(std::string verb, value params, on::replied replied) {
  auto seq = core_->ask([&](client_ledger& ledger) {
    return ledger.request(std::move(verb), std::move(params), std::move(replied));
  });
  if (seq) return *seq;
  replied(seq.error());
  return 0;
}

uint64_t client_connection::subscribe(std::string channel, value params, on::replied ready,
                                      on::event event) {
  auto seq = core_->ask([&](client_ledger& ledger) {
    return ledger.subscribe(std::move(channel), std::move(params), std::move(ready),
                            std::move(event));
  });
  if (seq) return *seq;
  ready(seq.error());
  return 0;
}

void client_connection::forget(uint64_t seq) {
  core_->ask([seq](client_ledger& ledger) {
    ledger.forget(seq);
    return seq;
  });
}

bool client_connection::on_own_thread() const {
  return core_->on_own_thread();
}
const client_options& client_connection::options() const {
  return core_->options();
}
const std::string& client_connection::node_name() const {
  return core_->node_name();
}
const std::string& client_connection::user() const {
  return core_->user();
}

} // namespace flow
