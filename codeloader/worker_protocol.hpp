// What the node and a worker say to each other, as bytes. Pure; docs/worker-protocol.md is the
// description for others.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "codeloader/worker_host.hpp"
#include "flows/error.hpp"

namespace flow::codeloader {

inline constexpr uint64_t worker_protocol_version = 1;

// -- node to worker -----------------------------------------------------------

/// Appends one frame: the version, what to import, and the limits of flows/limits.hpp.
void append_hello(std::string& out, const worker_spec& spec);

/// Appends one frame; at most limits::worker_frame_calls_max calls.
void append_calls(std::string& out, std::span<const worker_call> calls);

/// Appends one frame: finish what you have, then exit.
void append_stop(std::string& out);

// -- worker to node -----------------------------------------------------------

struct worker_greeting {
  uint64_t version = 0;
  uint64_t pid = 0;     ///< as the worker sees it
  std::string language; ///< "python 3.11.2"
};

struct worker_ready {};

struct worker_broken {
  worker_failure failure;
};

using worker_message = std::variant<worker_greeting, worker_ready, worker_broken,
                                    std::vector<worker_result>, std::vector<worker_log>>;

/// One frame without its length. Text that is not UTF-8 is repaired, output above its limit is cut,
/// and a result that is no value becomes a failure of its call; all else that is not the protocol
/// is `bad_frame`.
result<worker_message> decode_worker_message(std::string_view frame);

/// Cuts a stream into frames. Holds no more than has arrived, whatever a length claims.
class frame_splitter {
public:
  explicit frame_splitter(size_t frame_bytes_max = limits::worker_frame_bytes_max)
      : frame_bytes_max_{frame_bytes_max} {}

  void append(std::string_view data);

  /// The next whole frame, valid until the next `append`; none yet; or `bad_frame` for a length
  /// above the limit.
  result<std::optional<std::string_view>> next();

private:
  size_t frame_bytes_max_;
  std::string buffer_;
  size_t at_ = 0;
};

} // namespace flow::codeloader
