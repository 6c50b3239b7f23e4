#include <utility>

#include "flows/cbor.hpp"
#include "flows/internal/workflow_words.hpp"
#include "flows/workflow_text.hpp"

namespace flow {

namespace {

using namespace internal;

class workflow_writer {
public:
  explicit workflow_writer(size_t bytes_max) : bytes_max_{bytes_max} {}

  void step(const workflow_step& what) {
    if (is_full()) return;
    if (what.kind == step_kind::call) return call(what);
    if (what.kind == step_kind::segment) return segment(what);
    out_.append(to_string(what.kind)) += "([";
    for (size_t i = 0; i < what.member_count() && !is_full(); ++i) {
      if (i > 0) out_ += ", ";
      step(*what.steps[i]);
    }
    out_ += ']';
    if (what.kind == step_kind::funnel) {
      out_ += ", ";
      step(*what.steps.back());
    }
    close(what);
  }

  std::string finish() && {
    if (is_full()) {
      auto end = bytes_max_;
      while (end > 0 && (static_cast<uint8_t>(out_[end]) & 0xc0) == 0x80)
        --end;
      out_.resize(end);
      out_ += "...";
    }
    return std::move(out_);
  }

private:
  bool is_full() const { return out_.size() > bytes_max_; }

  void close(const workflow_step& what) {
    if (what.on_error != error_policy::fail_fast)
      out_.append(", on_error=\"").append(to_string(what.on_error)) += '"';
    out_ += ')';
  }

  void name(const std::string& socket) {
    bool is_plain = std::ranges::all_of(socket, is_name_character) && !is_combinator(socket)
                    && !socket.ends_with(only_suffix);
    if (is_plain) {
      out_ += socket;
      return;
    }
    value text{{}};
    cbor::writer{text.cbor}.text(socket);
    out_ += to_json_text(text);
  }

  void values(const arguments& args, bool with_positional) {
    std::string listed;
    auto add = [&](const std::string& text) { listed += (listed.empty() ? "" : ", ") + text; };
    if (with_positional)
      for (const auto& item : positional_values(args).value())
        add(to_json_text(item));
    for (const auto& [key, item] : keyword_values(args).value())
      add(key + "=" + to_json_text(item));
    out_ += "(" + listed + ")";
  }

  void call(const workflow_step& what, bool with_positional = true) {
    name(what.socket);
    values(what.args, with_positional);
    if (what.is_only) out_ += ".only()";
  }

  void segment(const workflow_step& what) {
    out_ += "segment(";
    size_t chunk_items = 1;
    if (what.steps.empty()) { // which socket it was does not matter any more
      out_ += "\"-\"";
    } else {
      chunk_items = what.steps.front()->steps.size();
      call(*what.steps.front()->steps.front(), false);
    }
    out_ += ", [";
    bool is_first = true;
    for (const auto& chunk : what.steps)
      for (const auto& each : chunk->steps) {
        if (is_full()) return;
        if (!std::exchange(is_first, false)) out_ += ", ";
        out_ += to_json_text({each->args.positional});
      }
    out_ += "], " + std::to_string(chunk_items);
    close(what);
  }

  size_t bytes_max_;
  std::string out_;
};

} // namespace

std::string to_text(const workflow& what, size_t bytes_max) {
  workflow_writer out{bytes_max};
  out.step(what.root());
  return std::move(out).finish();
}

} // namespace flow
