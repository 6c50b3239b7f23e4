#include "nodes/api_server.hpp"

#include <future>
#include <thread>

#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include "flows/endpoint.hpp"
#include "nodes/internal/api_connections.hpp"

namespace flow::nodes {

namespace {

using tcp = asio::ip::tcp;

/// For when there is no descriptor or memory left: the next attempt can be better.
constexpr std::chrono::milliseconds accept_pause{100};

constexpr std::string_view full_answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                                         "Retry-After: 1\r\nConnection: close\r\n\r\n";

class server final : public api_server {
public:
  explicit server(api_server_options options) : context_{std::move(options)} {}
  ~server() override { stop(); }

  result<void> start() {
    auto bound = context_.options.bound;
    if (!bound) {
      auto made = bind_api(context_.options.address, context_.options.insecure);
      if (!made) return made.error();
      bound = std::move(*made);
    }
    address_ = bound->address;
    port_ = bound->port;
    error_code failed;
    acceptor_.assign(bound->is_v6 ? tcp::v6() : tcp::v4(), std::exchange(bound->descriptor, -1),
                     failed);
    if (failed)
      return make_error(ec::internal, "cannot serve " + address_ + ": " + failed.message());
    asio::co_spawn(context_.io, accept_all(), asio::detached);
    thread_ = std::thread{[this] { context_.io.run(); }};
    return {};
  }

  const std::string& address() const override { return address_; }
  uint16_t port() const override { return port_; }

  void stop() override {
    if (!thread_.joinable()) return;
    asio::post(context_.io, [this] {
      context_.is_stopping = true;
      error_code ignored;
      acceptor_.close(ignored);
      pause_.cancel();
      // Ending one takes it out of the map.
      auto all = context_.connections;
      for (auto& [number, end] : all)
        end();
    });
    thread_.join(); // when the last connection is gone there is nothing left to run
  }

private:
  asio::awaitable<void> accept_all() {
    while (!context_.is_stopping) {
      auto [failed, socket] = co_await acceptor_.async_accept(as_values);
      if (context_.is_stopping) break;
      if (failed) {
        pause_.expires_after(accept_pause);
        co_await pause_.async_wait(as_values);
        continue;
      }
      error_code ignored;
      socket.set_option(tcp::no_delay{true}, ignored);
      if (context_.connections.size() >= context_.options.connections_max) {
        socket.non_blocking(true, ignored);
        socket.write_some(asio::buffer(full_answer), ignored);
        continue;
      }
      asio::co_spawn(context_.io, serve_http(context_, std::move(socket)), asio::detached);
    }
  }

  api_context context_;
  tcp::acceptor acceptor_{context_.io};
  asio::steady_timer pause_{context_.io};
  std::string address_;
  uint16_t port_ = 0;
  std::thread thread_;
};

} // namespace

bound_port::~bound_port() {
  if (descriptor >= 0) ::close(descriptor);
}

result<std::shared_ptr<bound_port>> bind_api(const std::string& address, bool insecure) {
  auto where = parse_endpoint(address);
  if (!where) return where.error();
  if (!is_loopback(where->host) && !insecure)
    return make_error(ec::not_allowed,
                      "the API at " + address + " would be open to other machines without TLS",
                      "listen on 127.0.0.1, or say --insecure");
  auto cannot = [&](const error_code& failed) {
    if (failed == asio::error::address_in_use)
      return make_error(ec::port_taken, "another program listens on " + address,
                        "stop it, or choose another port with --api");
    return make_error(ec::bad_usage, "cannot listen on " + address + ": " + failed.message());
  };
  asio::io_context io;
  error_code failed;
  auto found = tcp::resolver{io}.resolve(where->host, std::to_string(where->port),
                                         tcp::resolver::passive, failed);
  if (failed) return cannot(failed);
  auto local = found.begin()->endpoint();
  tcp::acceptor acceptor{io};
  acceptor.open(local.protocol(), failed);
  // So that a node that was just stopped can be started again.
  if (!failed) acceptor.set_option(tcp::acceptor::reuse_address{true}, failed);
  if (!failed) acceptor.bind(local, failed);
  if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
  if (failed) return cannot(failed);
  auto bound = std::make_shared<bound_port>();
  bound->is_v6 = local.protocol() == tcp::v6();
  bound->port = acceptor.local_endpoint().port();
  bound->address = to_string(endpoint{where->host, bound->port});
  bound->descriptor = acceptor.release(failed);
  if (failed) return cannot(failed);
  return bound;
}

result<std::unique_ptr<api_server>> make_api_server(api_server_options options) {
  auto made = std::make_unique<server>(std::move(options));
  if (auto started = made->start(); !started) return started.error();
  return std::unique_ptr<api_server>{std::move(made)};
}

} // namespace flow::nodes
