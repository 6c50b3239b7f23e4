#include "flows/internal/client_core.hpp"

#include <array>
#include <optional>
#include <random>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "flows/limits.hpp"

namespace flow {

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace websocket = boost::beast::websocket;
using tcp = asio::ip::tcp;
using stream = websocket::stream<beast::tcp_stream>;
using boost::system::error_code;

constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

std::string_view data_of(const beast::flat_buffer& buffer) {
  return {static_cast<const char*>(buffer.cdata().data()), buffer.size()};
}

/// Trying again cannot help.
bool is_final(const error& why) {
  return why.code == ec::not_logged_in || why.code == ec::not_allowed
         || why.code == ec::version_mismatch || why.code == ec::bad_usage;
}

class client_network final : public client_core,
                             public std::enable_shared_from_this<client_network> {
public:
  client_network(client_options options, endpoint where)
      : client_core{std::move(options)}, where_{std::move(where)} {}

  void run(std::function<void(result<void>)> first) override {
    thread_ = std::this_thread::get_id();
    asio::co_spawn(io_, stay_connected(std::move(first)), asio::detached);
    io_.run();
    {
      std::lock_guard lock{mutex_};
      finished_ = true;
    }
    // What was posted before `finished_` was seen holds this object alive: it must run, or it would
    // stay for ever.
    io_.restart();
    io_.run();
  }

  void stop() override {
    std::lock_guard lock{mutex_};
    if (finished_) return;
    asio::post(io_, [self = shared_from_this()] {
      self->stopping_ = true;
      self->timer_.cancel();
      self->resolver_.cancel();
      if (self->open_)
        self->close();
      else if (self->ws_)
        beast::get_lowest_layer(*self->ws_).close();
    });
  }

private:
  void post_look() override {
    asio::post(io_, [self = shared_from_this()] { self->flush(); });
  }
  asio::awaitable<void> stay_connected(std::function<void(result<void>)> first);
  asio::awaitable<std::optional<error>> open_stream();
  asio::awaitable<std::optional<error>> say_hello();
  asio::awaitable<error_code> read_message();
  asio::awaitable<void> read_until_lost();
  asio::awaitable<bool> pause_before(uint32_t attempt,
                                     std::chrono::steady_clock::time_point deadline);
  void flush();
  void close();
  error no_server(const std::string& why) const;
  error refused_by_http(const websocket::response_type& response) const;

  const endpoint where_;
  asio::io_context io_{1};
  tcp::resolver resolver_{io_};
  asio::steady_timer timer_{io_};
  asio::steady_timer written_{io_}; ///< cancelled when a write ends
  std::optional<stream> ws_;
  beast::flat_buffer incoming_;
  wire_batch writing_;
  std::string writing_head_;
  bool open_ = false;
  bool is_writing_ = false;
  bool timed_out_ = false;
  bool stopping_ = false;
};

// -- connecting ---------------------------------------------------------------

error client_network::no_server(const std::string& why) const {
  return make_error(ec::no_server, "no node at " + to_string(where_) + ": " + why,
                    "start one with `flow up`, or name its API address with FLOW_ADDRESS");
}

error client_network::refused_by_http(const websocket::response_type& response) const {
  const auto at = " at " + to_string(where_);
  switch (response.result()) {
  case http::status::unauthorized:
    return make_error(ec::not_logged_in, "the node" + at + " does not know this token",
                      "name the file that holds it with FLOW_TOKEN_FILE");
  case http::status::forbidden:
    return make_error(ec::not_allowed, "the node" + at + " refuses this connection",
                      "use an address that the node knows as its own");
  case http::status::service_unavailable:
  case http::status::too_many_requests:
    return make_error(ec::too_busy, "the node" + at + " takes no more connections now");
  case http::status::upgrade_required:
    return make_error(ec::version_mismatch,
                      "the node" + at + " does not speak " + std::string{wire::subprotocol});
  default:
    return no_server("it answers HTTP " + std::to_string(response.result_int())
                     + " and is no Millrace node");
  }
}

asio::awaitable<std::optional<error>> client_network::open_stream() {
  timed_out_ = false;
  timer_.expires_after(options_.connect_timeout);
  timer_.async_wait([self = shared_from_this()](error_code failed) {
    if (failed) return;
    self->timed_out_ = true;
    self->resolver_.cancel();
    if (self->ws_) beast::get_lowest_layer(*self->ws_).close();
  });
  auto why = [this](const error_code& failed) {
    if (!timed_out_) return no_server(failed.message());
    return make_error(ec::no_server, "no answer from " + to_string(where_) + " within "
                                         + std::to_string(options_.connect_timeout.count())
                                         + " ms");
  };
  auto [unresolved, addresses]
      = co_await resolver_.async_resolve(where_.host, std::to_string(where_.port), as_values);
  if (unresolved) co_return why(unresolved);
  ws_.emplace(io_);
  auto& tcp_layer = beast::get_lowest_layer(*ws_);
  auto [unreached, reached] = co_await tcp_layer.async_connect(addresses, as_values);
  if (unreached) co_return why(unreached);
  tcp_layer.socket().set_option(tcp::no_delay{true});
  ws_->set_option(websocket::stream_base::timeout{
      options_.connect_timeout, std::chrono::milliseconds{limits::api_idle_ms_max}, true});
  ws_->set_option(websocket::stream_base::decorator([this](websocket::request_type& request) {
    request.set(http::field::sec_websocket_protocol, wire::subprotocol);
    if (!options_.token.empty())
      request.set(http::field::authorization, "Bearer " + options_.token);
  }));
  ws_->binary(true);
  ws_->auto_fragment(false);
  ws_->read_message_max(limits::api_frame_bytes_max);
  ws_->write_buffer_bytes(limits::api_read_bytes_step); // what is masked at once
  websocket::response_type response;
  auto [declined] = co_await ws_->async_handshake(response, to_string(where_),
                                                  std::string{wire::stream_path}, as_values);
  if (declined == websocket::error::upgrade_declined) co_return refused_by_http(response);
  if (declined) co_return why(declined);
  if (auto no_hello = co_await say_hello()) {
    if (timed_out_) co_return why({});
    co_return no_hello;
  }
  timer_.cancel();
  co_return std::nullopt;
}

asio::awaitable<std::optional<error>> client_network::say_hello() {
  std::string items;
  wire::encode(items, wire::client_message{ledger_.hello()});
  auto frame = wire::frame_of(1, items);
  auto [unsent, bytes] = co_await ws_->async_write(asio::buffer(frame), as_values);
  if (unsent) co_return no_server(unsent.message());
  if (auto lost = co_await read_message()) co_return no_server(lost.message());
  auto messages = wire::decode_node_frame(data_of(incoming_));
  incoming_.consume(incoming_.size());
  if (!messages) co_return messages.error();
  if (messages->empty()) co_return no_server("it does not say hello");
  if (auto* refused = std::get_if<wire::refused>(&messages->front())) co_return refused->why;
  auto* node = std::get_if<wire::node_hello>(&messages->front());
  if (!node) co_return no_server("it does not say hello");
  if (node->major != wire::version_major)
    co_return make_error(ec::version_mismatch, "the node speaks version "
                                                   + std::to_string(node->major)
                                                   + " of the protocol, this program "
                                                   + std::to_string(wire::version_major));
  greeted(*node);
  open_ = true;
  co_return std::nullopt;
}

/// Full jitter; false when the deadline is nearer than the pause, or the program has stopped.
asio::awaitable<bool> client_network::pause_before(uint32_t attempt,
                                                   std::chrono::steady_clock::time_point deadline) {
  auto ceiling_ms = std::min(limits::client_retry_ms_max,
                             limits::client_retry_ms_min << std::min(attempt, 10u));
  static thread_local std::minstd_rand jitter{std::random_device{}()};
  std::uniform_int_distribution<uint64_t> pick{1, ceiling_ms};
  auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds{pick(jitter)};
  if (stopping_ || until > deadline) co_return false;
  timer_.expires_at(until);
  co_await timer_.async_wait(as_values);
  co_return !stopping_;
}

asio::awaitable<void> client_network::stay_connected(std::function<void(result<void>)> first) {
  auto self = shared_from_this();
  auto failed = co_await open_stream();
  if (failed) {
    timer_.cancel();
    ws_.reset(); // its own timer would keep the thread
    give_up(*failed);
    first(*failed);
    co_return;
  }
  first({});
  first = {};
  for (;;) {
    co_await read_until_lost();
    const auto deadline = std::chrono::steady_clock::now() + options_.reconnect_for;
    auto why
        = make_error(ec::connection_lost, "the connection to " + to_string(where_) + " is lost",
                     "what was accepted goes on; connect again and ask for it by its id");
    for (uint32_t attempt = 0; !open_; ++attempt) {
      if (!co_await pause_before(attempt, deadline)) {
        ws_.reset();
        give_up(stopping_ ? make_error(ec::connection_lost, "the client was closed") : why);
        co_return;
      }
      failed = co_await open_stream();
      timer_.cancel();
      if (failed && is_final(*failed)) {
        ws_.reset();
        give_up(*failed);
        co_return;
      }
      if (failed) why.text = "the connection to " + to_string(where_) + " is lost: " + failed->text;
    }
  }
}

// -- reading ------------------------------------------------------------------

/// One whole message into `incoming_`, which grows by what has arrived and not by what is
/// announced.
asio::awaitable<error_code> client_network::read_message() {
  do {
    auto [lost, bytes]
        = co_await ws_->async_read_some(incoming_, limits::api_read_bytes_step, as_values);
    if (lost) co_return lost;
  } while (!ws_->is_message_done());
  co_return error_code{};
}

asio::awaitable<void> client_network::read_until_lost() {
  opened();
  flush();
  if (stopping_) close(); // it was told while there was nothing to close
  for (;;) {
    auto lost = co_await read_message();
    if (lost) break;
    auto messages = wire::decode_node_frame(data_of(incoming_));
    incoming_.consume(incoming_.size());
    if (incoming_.capacity() > limits::api_batch_bytes_target) incoming_.shrink_to_fit();
    if (!messages) break;
    take(std::move(*messages));
  }
  open_ = false;
  beast::get_lowest_layer(*ws_).close();
  // A write that is under way still points into the stream: it fails now, and only then may the
  // stream be replaced.
  while (is_writing_) {
    written_.expires_at(asio::steady_timer::time_point::max());
    co_await written_.async_wait(as_values);
  }
  incoming_.consume(incoming_.size());
  lost();
}

// -- writing ------------------------------------------------------------------

void client_network::flush() {
  if (is_writing_) return;
  if (!open_ || !next_batch(writing_)) return;
  is_writing_ = true;
  writing_head_ = wire::frame_head(writing_.count);
  std::array<asio::const_buffer, 2> frame{asio::buffer(writing_head_),
                                          asio::buffer(writing_.items)};
  ws_->async_write(frame, [self = shared_from_this()](error_code failed, size_t) {
    self->is_writing_ = false;
    if (!self->open_) return static_cast<void>(self->written_.cancel()); // somebody waits for this
    if (!failed) return self->flush();
    // The reader notices and opens a new connection.
    beast::get_lowest_layer(*self->ws_).close();
  });
}

void client_network::close() {
  timer_.expires_after(std::chrono::milliseconds{limits::api_close_ms_max});
  timer_.async_wait([self = shared_from_this()](error_code failed) {
    if (!failed && self->ws_) beast::get_lowest_layer(*self->ws_).close();
  });
  ws_->async_close(websocket::close_code::normal,
                   [self = shared_from_this()](error_code) { self->timer_.cancel(); });
}

} // namespace

std::shared_ptr<client_core> make_client_core(client_options options, endpoint where) {
  return std::make_shared<client_network>(std::move(options), std::move(where));
}

} // namespace flow
