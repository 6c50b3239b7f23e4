#include <array>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "caf/all.hpp"

#include "flows/wire.hpp"
#include "nodes/internal/api_connections.hpp"
#include "nodes/outbox.hpp"
#include "nodes/session_actor.hpp"

namespace flow::nodes {

namespace {

namespace websocket = boost::beast::websocket;
using close_code = websocket::close_code;

close_code code_of(const error& why) {
  switch (why.code) {
  case ec::bad_frame:
  case ec::version_mismatch:
    return close_code::protocol_error;
  case ec::connection_lost:
    return close_code::service_restart;
  default:
    return close_code::internal_error;
  }
}

/// The network side of one WebSocket. Frames go to the session undecoded; what comes back waits in
/// the outbox.
class connection : public std::enable_shared_from_this<connection> {
public:
  connection(api_context& context, beast::tcp_stream stream)
      : context_{context}, ws_{std::move(stream)}, resume_{context.io}, deadline_{context.io} {}

  asio::awaitable<void> run(http::request<http::empty_body> request,
                            std::shared_ptr<const principal> who) {
    auto self = shared_from_this();
    set_options();
    auto [declined] = co_await ws_.async_accept(request, as_values);
    if (declined) co_return;
    open(std::move(who));
    co_await read_until_closed();
    is_closing_ = true;
    outbox_->shut();
    caf::anon_send(session_, connection_ended{});
    session_ = nullptr;
    deadline_.cancel();
    beast::get_lowest_layer(ws_).close();
  }

  /// The server stops.
  void end() {
    if (session_)
      close({close_code::going_away, "the node is shutting down"});
    else
      beast::get_lowest_layer(ws_).close();
  }

private:
  void set_options() {
    using std::chrono::milliseconds;
    beast::get_lowest_layer(ws_).expires_never(); // the WebSocket has its own
    ws_.set_option(websocket::stream_base::timeout{milliseconds{limits::api_header_ms_max},
                                                   milliseconds{limits::api_idle_ms_max}, true});
    ws_.set_option(websocket::stream_base::decorator([](websocket::response_type& response) {
      response.set(http::field::sec_websocket_protocol, wire::subprotocol);
    }));
    ws_.binary(true);
    ws_.auto_fragment(false);
    ws_.read_message_max(limits::api_frame_bytes_max);
  }

  void open(std::shared_ptr<const principal> who) {
    auto wake = [io = context_.io.get_executor(), weak = weak_from_this()] {
      asio::post(io, [weak] {
        if (auto self = weak.lock()) self->pump();
      });
    };
    auto& options = context_.options;
    outbox_ = std::make_shared<outbox>(std::move(wake), options.send_queue_bytes_max);
    session_ = spawn_session(*options.system, {outbox_,
                                               std::move(who),
                                               options.node_name,
                                               {},
                                               options.directory,
                                               options.verbs,
                                               options.time});
  }

  asio::awaitable<void> read_until_closed() {
    beast::flat_buffer buffer;
    for (;;) {
      do {
        auto [lost, bytes]
            = co_await ws_.async_read_some(buffer, limits::api_read_bytes_step, as_values);
        if (lost) co_return;
      } while (!ws_.is_message_done());
      if (!ws_.got_binary()) {
        close({close_code::unknown_data, "messages are binary"});
        continue;
      }
      if (is_closing_) {
        buffer.consume(buffer.size());
        continue;
      }
      std::string frame{static_cast<const char*>(buffer.cdata().data()), buffer.size()};
      buffer.consume(buffer.size());
      if (buffer.capacity() > limits::api_batch_bytes_target) buffer.shrink_to_fit();
      unconsumed_bytes_ += frame.size();
      caf::anon_send(session_, frame_received{std::move(frame)});
      while (unconsumed_bytes_ > limits::api_read_ahead_bytes_max && !is_closing_) {
        resume_.expires_at(asio::steady_timer::time_point::max());
        co_await resume_.async_wait(as_values);
      }
    }
  }

  /// Looks at what the session has left in the outbox.
  void pump() {
    if (is_cut_off_) return;
    auto news = outbox_->take();
    unconsumed_bytes_ -= std::min(news.consumed, unconsumed_bytes_);
    if (news.consumed > 0) resume_.cancel();
    if (news.is_too_slow) {
      is_cut_off_ = true;
      is_closing_ = true;
      resume_.cancel();
      beast::get_lowest_layer(ws_).close();
    } else if (news.frame) {
      write(std::move(*news.frame));
    } else if (news.ended && !is_writing_) {
      // A reason has at most 123 bytes.
      close({code_of(*news.ended), std::string_view{news.ended->text}.substr(0, 120)});
    }
  }

  void write(outbox::batch frame) {
    if (is_closing_) return;
    is_writing_ = true;
    head_ = wire::frame_head(frame.count);
    frame_ = std::move(frame.items);
    std::array<asio::const_buffer, 2> buffers{asio::buffer(head_), asio::buffer(frame_)};
    ws_.async_write(buffers, [self = shared_from_this()](error_code failed, size_t) {
      self->is_writing_ = false;
      self->outbox_->written(self->frame_.size());
      if (!failed) self->pump(); // and if it failed, so does the read
    });
  }

  void close(websocket::close_reason reason) {
    if (is_closing_) return;
    is_closing_ = true;
    resume_.cancel();
    deadline_.expires_after(std::chrono::milliseconds{limits::api_close_ms_max});
    deadline_.async_wait([self = shared_from_this()](error_code cancelled) {
      if (!cancelled) beast::get_lowest_layer(self->ws_).close();
    });
    ws_.async_close(reason, [self = shared_from_this()](error_code) {});
  }

  api_context& context_;
  websocket::stream<beast::tcp_stream> ws_;
  asio::steady_timer resume_;   ///< cancelled when reading may go on
  asio::steady_timer deadline_; ///< of the closing handshake
  std::shared_ptr<outbox> outbox_;
  caf::actor session_;
  std::string head_;  ///< of the frame that is being written
  std::string frame_; ///< its messages
  size_t unconsumed_bytes_ = 0;
  bool is_writing_ = false;
  bool is_closing_ = false;
  bool is_cut_off_ = false;
};

} // namespace

asio::awaitable<void> serve_websocket(api_context& context, registration& registered,
                                      beast::tcp_stream stream,
                                      http::request<http::empty_body> request,
                                      std::shared_ptr<const principal> who) {
  auto served = std::make_shared<connection>(context, std::move(stream));
  registered.replace([weak = std::weak_ptr{served}] {
    if (auto it = weak.lock()) it->end();
  });
  co_await served->run(std::move(request), std::move(who));
}

} // namespace flow::nodes
