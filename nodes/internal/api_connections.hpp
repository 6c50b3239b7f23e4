// Internal to the API server: the only header with Boost.Beast in it, included by the files of the
// server alone.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>

#include "nodes/api_server.hpp"

namespace flow::nodes {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

inline constexpr auto as_values = asio::as_tuple(asio::use_awaitable);

/// What all connections of one server share. Touched by the network thread only.
struct api_context {
  explicit api_context(api_server_options from) : options{std::move(from)} {}

  const api_server_options options;
  asio::io_context io{1};
  std::unordered_map<uint64_t, std::function<void()>> connections; ///< how to end each
  uint64_t last_connection = 0;
  bool is_stopping = false;
};

/// Keeps a connection among those that are ended with the server.
class registration {
public:
  registration(api_context& context, std::function<void()> end)
      : context_{context}, number_{++context.last_connection} {
    context_.connections.emplace(number_, std::move(end));
  }
  ~registration() { context_.connections.erase(number_); }
  registration(const registration&) = delete;
  registration& operator=(const registration&) = delete;
  /// From now on the connection ends like this.
  void replace(std::function<void()> end) { context_.connections[number_] = std::move(end); }

private:
  api_context& context_;
  const uint64_t number_;
};

/// From the first byte of a connection to its last.
asio::awaitable<void> serve_http(api_context& context, asio::ip::tcp::socket socket);

/// From the upgrade on; the request has been checked and asks for our protocol.
asio::awaitable<void> serve_websocket(api_context& context, registration& registered,
                                      beast::tcp_stream stream,
                                      http::request<http::empty_body> request,
                                      std::shared_ptr<const principal> who);

} // namespace flow::nodes
