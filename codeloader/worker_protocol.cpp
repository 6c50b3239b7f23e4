#include "codeloader/worker_protocol.hpp"

#include <algorithm>
#include <array>

#include "flows/cbor.hpp"
#include "flows/limits.hpp"
#include "flows/utf8.hpp"

namespace flow::codeloader {

namespace {

enum class from_node : uint64_t { hello = 1, calls = 2, stop = 3 };
enum class from_worker : uint64_t { greeting = 1, ready = 2, broken = 3, results = 4, logs = 5 };

// Rows of a results message are told apart by their lengths.
constexpr uint64_t short_success_items = 3;
constexpr uint64_t success_items = 7;
constexpr uint64_t failure_items = 9;

constexpr size_t length_bytes = 4;

// Reserves the length of a frame and writes it when the frame is complete.
class frame_scope {
public:
  explicit frame_scope(std::string& out) : out_{out}, start_{out.size()} {
    out_.append(length_bytes, '\0');
  }
  ~frame_scope() {
    auto n = out_.size() - start_ - length_bytes;
    for (size_t i = 0; i < length_bytes; ++i)
      out_[start_ + i] = static_cast<char>(n >> (8 * (length_bytes - 1 - i)) & 0xff);
  }

private:
  std::string& out_;
  size_t start_;
};

// Always of full width: a worker may find the fields of a call at fixed places.
void append_wide(std::string& out, uint8_t head, uint64_t n, int bytes) {
  out += static_cast<char>(head);
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(n >> shift & 0xff);
}

std::string clean_text(std::string_view text) {
  return utf8::first_error(text) == std::string_view::npos ? std::string{text}
                                                           : utf8::repaired(text);
}

// A worker cuts its output itself; this is for one that does not.
std::string clean_output(std::string_view text) {
  bool is_cut = text.size() > 4 * limits::call_output_bytes_max;
  auto out = clean_text(text.substr(0, 4 * limits::call_output_bytes_max));
  if (is_cut) out += "\n[more was cut]\n";
  return out;
}

std::string clean_error_text(std::string_view text) {
  return clean_text(text.substr(0, limits::error_text_bytes_max));
}

ec failure_code(std::string_view name) {
  constexpr std::array known{ec::task_failed, ec::unknown_function, ec::not_a_value,
                             ec::output_too_large, ec::bad_arguments};
  for (ec code : known)
    if (describe(code).name == name) return code;
  return ec::task_failed;
}

worker_failure refuse_value(std::string_view what, const error& why) {
  return {why.code == ec::payload_too_large ? ec::output_too_large : ec::not_a_value,
          std::string{describe(ec::not_a_value).name},
          std::string{what} + ": " + why.text,
          {}};
}

// One value of a result; why it cannot be taken is the failure of the call, since the frame itself
// is well formed.
value take_value(cbor::reader& in, std::string_view what, worker_failure& failure) {
  auto item = in.raw();
  if (in.failed()) return {};
  if (item.size() > limits::payload_bytes_max) {
    failure = {ec::output_too_large,
               "output_too_large",
               std::string{what} + " is larger than " + std::to_string(limits::payload_bytes_max)
                   + " bytes",
               {}};
    return {};
  }
  auto checked = value_of_cbor(std::string{item});
  if (checked) return std::move(*checked);
  failure = refuse_value(what, checked.error());
  return {};
}

std::vector<std::pair<std::string, value>> take_named(cbor::reader& in, std::string_view what,
                                                      worker_failure& failure) {
  std::vector<std::pair<std::string, value>> out;
  if (in.peek() == cbor::kind::null) {
    in.null();
    return out;
  }
  auto n = in.map();
  for (uint64_t i = 0; i < n && !in.failed(); ++i) {
    auto name = clean_text(in.text());
    auto item = take_value(in, std::string{what} + "." + name, failure);
    out.emplace_back(std::move(name), std::move(item));
  }
  return out;
}

worker_result take_result(cbor::reader& in) {
  worker_result out;
  auto items = in.array();
  out.handle = in.unsigned_integer();
  out.run_us = in.unsigned_integer();
  if (items == short_success_items) {
    out.returned = take_value(in, "result", out.failure);
    return out;
  }
  if (items != success_items && items != failure_items) {
    in.fail();
    return out;
  }
  if (items == failure_items) {
    in.null();
    out.out = clean_output(in.text());
    out.err = clean_output(in.text());
    out.failure.code = failure_code(in.text());
    out.failure.type = clean_error_text(in.text());
    out.failure.message = clean_error_text(in.text());
    out.failure.traceback = clean_error_text(in.text());
    return out;
  }
  out.returned = take_value(in, "result", out.failure);
  out.out = clean_output(in.text());
  out.err = clean_output(in.text());
  out.plugs = take_named(in, "plugs", out.failure);
  out.artifacts = take_named(in, "output", out.failure);
  if (out.failure.code != ec::none) {
    out.plugs.clear();
    out.artifacts.clear();
    out.returned = {};
  }
  return out;
}

std::vector<worker_result> take_results(cbor::reader& in) {
  std::vector<worker_result> out;
  auto n = in.array();
  for (uint64_t i = 0; i < n && !in.failed(); ++i)
    out.push_back(take_result(in));
  return out;
}

std::vector<worker_log> take_logs(cbor::reader& in) {
  std::vector<worker_log> out;
  auto n = in.array();
  for (uint64_t i = 0; i < n && !in.failed(); ++i) {
    worker_log log;
    if (in.array() != 3) in.fail();
    log.handle = in.unsigned_integer();
    log.is_stderr = in.boolean();
    log.text = clean_text(in.text());
    out.push_back(std::move(log));
  }
  return out;
}

worker_broken take_broken(cbor::reader& in) {
  worker_broken out;
  out.failure.code = ec::import_failed;
  out.failure.type = clean_error_text(in.text());
  out.failure.message = clean_error_text(in.text());
  out.failure.traceback = clean_error_text(in.text());
  return out;
}

worker_greeting take_greeting(cbor::reader& in) {
  worker_greeting out;
  out.version = in.unsigned_integer();
  out.pid = in.unsigned_integer();
  out.language = clean_error_text(in.text());
  return out;
}

} // namespace

// -- node to worker -----------------------------------------------------------

void append_hello(std::string& out, const worker_spec& spec) {
  frame_scope frame{out};
  cbor::writer w{out};
  w.array(3)
      .unsigned_integer(static_cast<uint64_t>(from_node::hello))
      .unsigned_integer(worker_protocol_version);
  w.map(13);
  w.text("module").text(spec.module);
  w.text("file").text(spec.file);
  w.text("import_path").array(spec.import_root.empty() ? 0 : 1);
  if (!spec.import_root.empty()) w.text(spec.import_root);
  w.text("replacements").map(spec.replacements.size());
  for (const auto& [function, source] : spec.replacements)
    w.text(function).text(source);
  w.text("parameters").map(spec.functions.size());
  for (const auto& function : spec.functions) {
    w.text(function.function).array(function.parameters.size());
    for (const auto& each : function.parameters)
      w.array(2).text(each.name).text(each.annotation);
  }
  auto limit = [&w](std::string_view name, uint64_t n) { w.text(name).unsigned_integer(n); };
  limit("payload_bytes_max", limits::payload_bytes_max);
  limit("depth_max", limits::value_depth_max);
  limit("integer_bytes_max", limits::integer_bytes_max);
  limit("output_bytes_max", limits::call_output_bytes_max);
  limit("error_text_bytes_max", limits::error_text_bytes_max);
  limit("flush_ms_max", limits::worker_flush_ms_max);
  limit("log_delay_ms", limits::worker_log_delay_ms);
  limit("log_piece_bytes_max", limits::worker_log_piece_bytes_max);
}

void append_calls(std::string& out, std::span<const worker_call> calls) {
  frame_scope frame{out};
  cbor::writer w{out};
  w.array(2).unsigned_integer(static_cast<uint64_t>(from_node::calls)).array(calls.size());
  for (const auto& call : calls) {
    w.array(6);
    append_wide(out, 0x1b, call.handle, 8);
    w.bytes(call.id.view());
    append_wide(out, 0x1a, call.attempt, 4);
    w.text(call.function).raw(call.args.positional).raw(call.args.keyword);
  }
}

void append_stop(std::string& out) {
  frame_scope frame{out};
  cbor::writer{out}.array(1).unsigned_integer(static_cast<uint64_t>(from_node::stop));
}

// -- worker to node -----------------------------------------------------------

result<worker_message> decode_worker_message(std::string_view frame) {
  cbor::reader in{frame};
  auto items = in.array();
  auto kind = in.unsigned_integer();
  auto expect = [&](uint64_t wanted) {
    if (items != wanted) in.fail();
  };
  worker_message out;
  switch (static_cast<from_worker>(kind)) {
  case from_worker::greeting:
    expect(4);
    out = take_greeting(in);
    break;
  case from_worker::ready:
    expect(1);
    out = worker_ready{};
    break;
  case from_worker::broken:
    expect(4);
    out = take_broken(in);
    break;
  case from_worker::results:
    expect(2);
    out = take_results(in);
    break;
  case from_worker::logs:
    expect(2);
    out = take_logs(in);
    break;
  default:
    in.fail();
  }
  if (auto whole = in.finish("a message of a worker"); !whole) return whole.error();
  return out;
}

// -- frames -------------------------------------------------------------------

void frame_splitter::append(std::string_view data) {
  if (at_ > 0) {
    buffer_.erase(0, at_);
    at_ = 0;
  }
  buffer_ += data;
}

result<std::optional<std::string_view>> frame_splitter::next() {
  if (buffer_.size() - at_ < length_bytes) return std::optional<std::string_view>{};
  size_t n = 0;
  for (size_t i = 0; i < length_bytes; ++i)
    n = n << 8 | static_cast<uint8_t>(buffer_[at_ + i]);
  if (n > frame_bytes_max_)
    return make_error(ec::bad_frame, "a frame of " + std::to_string(n) + " bytes; the limit is "
                                         + std::to_string(frame_bytes_max_));
  if (buffer_.size() - at_ - length_bytes < n) return std::optional<std::string_view>{};
  auto frame = std::string_view{buffer_}.substr(at_ + length_bytes, n);
  at_ += length_bytes + n;
  return std::optional{frame};
}

} // namespace flow::codeloader
