#include <algorithm>
#include <array>
#include <mutex>
#include <optional>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/dynamic_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>

#include "caf/all.hpp"

#include <sodium.h>

#include "flows/endpoint.hpp"
#include "flows/text.hpp"
#include "flows/wire.hpp"
#include "nodes/internal/api_connections.hpp"
#include "nodes/rest.hpp"
#include "nodes/session_actor.hpp"

namespace flow::nodes {

namespace {

namespace websocket = boost::beast::websocket;
using std::chrono::milliseconds;

/// The growing buffer, and not a string: that one makes room for what a header announces.
using parser = http::request_parser<http::dynamic_body>;
using request = http::request<http::dynamic_body>;

constexpr size_t buffer_bytes_max = 4 * limits::http_header_bytes_max;
constexpr size_t session_bytes = 16;

std::string_view view_of(beast::string_view text) {
  return {text.data(), text.size()};
}

/// What a session of one REST request says, for the coroutine that waits for it.
class mailbox final : public session_sink {
public:
  explicit mailbox(std::function<void()> wake) : wake_{std::move(wake)} {}

  void deliver(std::vector<wire::node_message> messages) override {
    std::lock_guard lock{mutex_};
    for (auto& m : messages)
      messages_.push_back(std::move(m));
    if (wake_) wake_();
  }
  void consumed(size_t) override {}
  void end(error why) override { deliver({wire::refused{0, std::move(why)}}); }

  std::vector<wire::node_message> take() {
    std::lock_guard lock{mutex_};
    return std::exchange(messages_, {});
  }
  void shut() {
    std::lock_guard lock{mutex_};
    wake_ = {};
  }

private:
  std::mutex mutex_;
  std::function<void()> wake_;
  std::vector<wire::node_message> messages_;
};

class connection : public std::enable_shared_from_this<connection> {
public:
  connection(api_context& context, asio::ip::tcp::socket socket)
      : context_{context}, stream_{std::move(socket)}, news_{context.io} {}

  asio::awaitable<void> run() {
    auto self = shared_from_this();
    registration registered{context_, [weak = weak_from_this()] {
                              if (auto it = weak.lock()) it->end();
                            }};
    auto timeout_ms = limits::api_header_ms_max;
    while (!is_ending_) {
      parser incoming;
      incoming.header_limit(limits::http_header_bytes_max);
      incoming.body_limit(limits::payload_bytes_max);
      stream_.expires_after(milliseconds{timeout_ms});
      auto [failed, bytes]
          = co_await http::async_read_header(stream_, buffer_, incoming, as_values);
      if (failed) {
        co_await answer_broken_request(failed);
        break;
      }
      auto who = find_who(incoming.get());
      if (auto refusal = check(incoming.get(), who)) {
        co_await write(*refusal, incoming.get(), false); // its body was not read
        break;
      }
      if (path_of(incoming.get()) == wire::stream_path) {
        stream_.expires_never();
        http::request<http::empty_body> upgrade{std::move(incoming.release().base())};
        co_await serve_websocket(context_, registered, std::move(stream_), std::move(upgrade),
                                 std::move(who));
        co_return;
      }
      if (!co_await serve_one(incoming, std::move(who))) break;
      timeout_ms = limits::api_keep_alive_ms_max;
    }
    co_await take_leave();
  }

  void end() {
    is_ending_ = true;
    news_.cancel();
    stream_.close();
  }

private:
  // -- checks -----------------------------------------------------------------

  static std::string_view path_of(const request& r) {
    auto target = view_of(r.target());
    return target.substr(0, target.find('?'));
  }

  std::shared_ptr<const principal> find_who(const request& r) const {
    constexpr std::string_view scheme = "Bearer ";
    auto credentials = view_of(r[http::field::authorization]);
    if (!beast::iequals(credentials.substr(0, scheme.size()), scheme)) return nullptr;
    return context_.options.who->find(credentials.substr(scheme.size()));
  }

  std::optional<rest_answer> check(const request& r,
                                   const std::shared_ptr<const principal>& who) const {
    if (auto wrong = check_origin(r)) return problem(*wrong);
    if (path_of(r) == "/healthz") return std::nullopt;
    if (!who)
      return problem(make_error(ec::not_logged_in, "this needs the token of a user",
                                "send the header `Authorization: Bearer TOKEN`"));
    if (path_of(r) != wire::stream_path) return std::nullopt;
    if (!websocket::is_upgrade(r))
      return problem(426, make_error(ec::bad_usage, "this resource is a WebSocket"));
    if (!http::token_list{r[http::field::sec_websocket_protocol]}.exists(
            beast::string_view{wire::subprotocol.data(), wire::subprotocol.size()}))
      return problem(426, make_error(ec::version_mismatch,
                                     "this node speaks " + std::string{wire::subprotocol}));
    return std::nullopt;
  }

  /// A page of somebody else must not reach this node through the browser of a user: its name for
  /// us (DNS rebinding) is not ours, or its origin is not this server.
  std::optional<error> check_origin(const request& r) const {
    if (r.count(http::field::host) != 1)
      return make_error(ec::bad_usage, "a request names one Host");
    auto host = view_of(r[http::field::host]);
    if (!is_own_name(host))
      return make_error(ec::not_allowed, flow::quoted(host) + " is not a name of this node",
                        "use its address, or add the name to the node's configuration");
    auto origin = view_of(r[http::field::origin]);
    if (origin.empty() || origin == "http://" + std::string{host}
        || origin == "https://" + std::string{host})
      return std::nullopt;
    return make_error(ec::not_allowed,
                      "pages of " + flow::quoted(origin) + " may not use this node");
  }

  bool is_own_name(std::string_view host) const {
    if (host.starts_with('[')) {
      auto end = host.find(']');
      return end != std::string_view::npos && is_ip_address(host.substr(1, end - 1));
    }
    host = host.substr(0, host.find(':'));
    if (beast::iequals(host, "localhost") || is_ip_address(host)) return true;
    for (auto& name : context_.options.hosts)
      if (beast::iequals(host, name)) return true;
    return false;
  }

  // -- one request ------------------------------------------------------------

  /// False when the connection is over.
  asio::awaitable<bool> serve_one(parser& incoming, std::shared_ptr<const principal> who) {
    stream_.expires_after(milliseconds{limits::api_keep_alive_ms_max});
    if (beast::iequals(incoming.get()[http::field::expect], "100-continue")) {
      http::response<http::empty_body> go_on{http::status::continue_, 11};
      auto [unsent, bytes] = co_await http::async_write(stream_, go_on, as_values);
      if (unsent) co_return false;
    }
    if (!who) incoming.body_limit(limits::request_bytes_before_login_max);
    auto [failed, bytes] = co_await http::async_read(stream_, buffer_, incoming, as_values);
    if (failed) {
      co_await answer_broken_request(failed);
      co_return false;
    }
    auto& r = incoming.get();
    rest_answer answer;
    if (path_of(r) == "/healthz")
      answer = health_answer(r);
    else
      answer = co_await run_exchange(r, std::move(who));
    co_return co_await write(answer, r, incoming.keep_alive() && !is_ending_);
  }

  rest_answer health_answer(const request& r) const {
    if (r.method() != http::verb::get && r.method() != http::verb::head) {
      auto answer = problem(405, make_error(ec::bad_usage, "health is only read", "use GET"));
      answer.allow = "GET, HEAD";
      return answer;
    }
    auto now = context_.options.health_now ? context_.options.health_now() : health{};
    return health_page(now.problems);
  }

  /// A session of its own for one request; it ends with the answer.
  asio::awaitable<rest_answer> run_exchange(const request& r,
                                            std::shared_ptr<const principal> who) {
    auto& options = context_.options;
    auto begun = rest_exchange::begin(request_of(r), options.time->wall_ms());
    if (!begun) co_return begun.error();
    auto& exchange = *begun;
    auto inbox
        = std::make_shared<mailbox>([io = context_.io.get_executor(), weak = weak_from_this()] {
            asio::post(io, [weak] {
              if (auto self = weak.lock()) self->news_.cancel();
            });
          });
    auto session = spawn_session(*options.system,
                                 {inbox, std::move(who), options.node_name, random_session(),
                                  options.directory, options.verbs, options.time});
    stream_.expires_never();
    std::optional<rest_answer> answer;
    auto deadline = std::chrono::steady_clock::now();
    bool is_new = true;
    while (!answer && !is_ending_) {
      if (auto messages = exchange.take_messages(); !messages.empty()) {
        caf::anon_send(session, messages_received{std::move(messages)});
        is_new = true;
      }
      if (is_new) deadline = std::chrono::steady_clock::now() + milliseconds{exchange.wait_ms()};
      is_new = false;
      auto messages = inbox->take();
      for (auto& m : messages)
        if (!answer) answer = exchange.on_message(m);
      if (!messages.empty()) continue;
      if (std::chrono::steady_clock::now() >= deadline) {
        answer = exchange.time_is_up();
        is_new = true;
        continue;
      }
      news_.expires_at(deadline);
      co_await news_.async_wait(as_values);
    }
    inbox->shut();
    caf::anon_send(session, connection_ended{});
    if (!answer) answer = problem(make_error(ec::shutting_down, "the node is shutting down"));
    co_return std::move(*answer);
  }

  static rest_request request_of(const request& r) {
    rest_request plain;
    plain.method = view_of(r.method_string());
    plain.target = view_of(r.target());
    plain.body = beast::buffers_to_string(r.body().data());
    plain.key = view_of(r["Idempotency-Key"]);
    plain.trace = view_of(r["traceparent"]);
    return plain;
  }

  static std::string random_session() {
    std::string bytes(session_bytes, '\0');
    randombytes_buf(bytes.data(), bytes.size());
    return bytes;
  }

  /// A peer that is still sending would lose its answer to a reset: take a little more of it.
  asio::awaitable<void> take_leave() {
    error_code ignored;
    stream_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    stream_.expires_after(milliseconds{limits::api_close_ms_max});
    std::array<char, limits::request_bytes_before_login_max> dropped;
    for (size_t left = dropped.size(); left > 0;) {
      auto [ended, bytes] = co_await stream_.async_read_some(asio::buffer(dropped), as_values);
      if (ended) break;
      left -= std::min(left, bytes);
    }
  }

  // -- answers ----------------------------------------------------------------

  asio::awaitable<void> answer_broken_request(error_code failed) {
    // Nothing to say to one who left, or never spoke.
    if (failed == http::error::end_of_stream || failed == beast::error::timeout
        || failed == asio::error::operation_aborted || failed == asio::error::connection_reset)
      co_return;
    auto answer
        = problem(400, make_error(ec::bad_usage, "this is no HTTP request: " + failed.message()));
    if (failed == http::error::header_limit || failed == http::error::buffer_overflow)
      answer = problem(431,
                       make_error(ec::bad_usage, "the header is larger than "
                                                     + std::to_string(limits::http_header_bytes_max)
                                                     + " bytes"));
    if (failed == http::error::body_limit)
      answer = problem(make_error(ec::payload_too_large,
                                  "the body is larger than "
                                      + std::to_string(limits::payload_bytes_max) + " bytes"));
    co_await write(answer, request{}, false);
  }

  /// False when the connection is over.
  asio::awaitable<bool> write(const rest_answer& answer, const request& r, bool keep_alive) {
    http::response<http::string_body> response{static_cast<http::status>(answer.status), 11};
    response.set(http::field::content_type, answer.content_type);
    response.set(http::field::cache_control, "no-store");
    response.set("X-Content-Type-Options", "nosniff");
    if (!answer.location.empty()) response.set(http::field::location, answer.location);
    if (!answer.allow.empty()) response.set(http::field::allow, answer.allow);
    if (answer.status == 401) response.set(http::field::www_authenticate, "Bearer");
    response.body() = answer.body;
    response.keep_alive(keep_alive);
    response.prepare_payload();
    stream_.expires_after(milliseconds{limits::api_keep_alive_ms_max});
    http::response_serializer<http::string_body> serializer{response};
    error_code failed;
    if (r.method() == http::verb::head) {
      auto [unsent, bytes] = co_await http::async_write_header(stream_, serializer, as_values);
      failed = unsent;
    } else {
      auto [unsent, bytes] = co_await http::async_write(stream_, serializer, as_values);
      failed = unsent;
    }
    co_return !failed && keep_alive;
  }

  api_context& context_;
  beast::tcp_stream stream_;
  beast::flat_buffer buffer_{buffer_bytes_max};
  asio::steady_timer news_; ///< cancelled when a session has said something
  bool is_ending_ = false;
};

} // namespace

asio::awaitable<void> serve_http(api_context& context, asio::ip::tcp::socket socket) {
  co_await std::make_shared<connection>(context, std::move(socket))->run();
}

} // namespace flow::nodes
