// The worker's side of docs/worker-protocol.md: frames on descriptor 3, one call after another, the
// output of each call from the pipes 4 and 5.
#pragma once

#include <functional>

#include "millrace/output.hpp"

namespace millrace {

struct request {
  std::string id; ///< sixteen bytes, the same in every attempt
  uint64_t attempt = 1;
  std::string function;
  value::list positional;
  value::map keyword;
};

/// The end of a call that did not succeed.
struct failure {
  std::string code; ///< `task_failed`, `unknown_function`, `bad_arguments`, `not_a_value`,
                    ///< `output_too_large`
  std::string type;
  std::string message;
  std::string traceback;
};

struct outcome {
  std::optional<failure> failed;
  value returned;
  std::optional<value::map> plugs;  ///< named outputs
  std::optional<value::map> output; ///< artifacts
};

/// What a module is to the protocol.
struct handler {
  std::function<std::optional<failure>(const settings&)> import;
  std::function<outcome(const request&)> call;
};

namespace detail {

/// Both ends of a long text: the cause is at either.
inline std::string clipped(std::string text, size_t most) {
  if (text.size() <= most) return text;
  auto half = most / 2;
  return text.substr(0, half) + "\n[" + std::to_string(text.size() - 2 * half)
         + " bytes were cut]\n" + text.substr(text.size() - half);
}

inline settings settings_of(const value& given) {
  settings out;
  auto text = [&](const char* key, std::string& to) {
    if (const auto* v = given.find(key)) to = v->as<std::string>();
  };
  auto number = [&](const char* key, uint64_t& to) {
    if (const auto* v = given.find(key)) to = v->as<uint64_t>();
  };
  auto pairs = [&](const char* key, value::map& to) {
    if (const auto* v = given.find(key)) to = v->as<value::map>();
  };
  text("module", out.module);
  text("file", out.file);
  if (const auto* v = given.find("import_path"))
    if (auto dirs = v->as<std::vector<std::string>>(); !dirs.empty())
      out.import_path = dirs.front();
  pairs("replacements", out.replacements);
  pairs("parameters", out.parameters);
  number("payload_bytes_max", out.payload_bytes_max);
  number("output_bytes_max", out.output_bytes_max);
  number("error_text_bytes_max", out.error_text_bytes_max);
  number("log_delay_ms", out.log_delay_ms);
  number("log_piece_bytes_max", out.log_piece_bytes_max);
  return out;
}

/// `{"result": r, "plugs": {...}}` as a result means the same as `plugs`.
inline void unwrap(outcome& done) {
  const auto* pairs = done.returned.if_is<value::map>();
  if (!pairs || pairs->size() != 2) return;
  const auto* returned = done.returned.find("result");
  const auto* plugs = done.returned.find("plugs");
  if (!returned || !plugs || !plugs->is<value::map>()) return;
  auto named = plugs->as<value::map>();
  if (!done.plugs) done.plugs.emplace();
  for (auto& each : named)
    done.plugs->push_back(std::move(each));
  done.returned = value{*returned};
}

class session {
public:
  explicit session(handler of) : handler_{std::move(of)} {}

  /// The whole life of a worker; its exit code.
  int run(const std::string& language) {
    auto hello = wire_.frame();
    if (!hello) return 0;
    cbor::reader in{*hello};
    if (in.array() != 3 || in.unsigned_integer() != 1) return 1;
    auto version = in.unsigned_integer();
    settings_ = settings_of(in.item());
    greet(language);
    if (version != 1) return 1;
    capture output{wire_, settings_};
    output.begin(0);
    auto broken = handler_.import(settings_);
    auto said = output.take_import();
    if (broken) {
      if (broken->traceback.empty()) broken->traceback = said;
      tell_broken(*broken);
      return 0;
    }
    wire_.send("\x81\x02");
    serve(output);
    return 0;
  }

private:
  void greet(const std::string& language) {
    std::string body{"\x84\x01\x01"};
    cbor::append_head(body, 0, static_cast<uint64_t>(::getpid()));
    cbor::append_text(body, language);
    wire_.send(body);
  }

  void tell_broken(const failure& why) {
    std::string body{"\x84\x03"};
    for (const auto* text : {&why.type, &why.message, &why.traceback})
      cbor::append_text(body, clipped(*text, settings_.error_text_bytes_max / 4));
    wire_.send(body);
  }

  void serve(capture& output) {
    while (auto frame = wire_.frame()) {
      cbor::reader in{*frame};
      in.array();
      auto kind = in.unsigned_integer();
      if (kind == 3) return;
      if (kind != 2) continue;
      for (auto n = in.array(); n > 0; --n)
        one_call(in, output);
    }
  }

  void one_call(cbor::reader& in, capture& output) {
    in.array();
    auto handle = in.unsigned_integer();
    request call;
    call.id = in.byte_string();
    call.attempt = in.unsigned_integer();
    call.function = in.text();
    call.positional = in.item().as<value::list>();
    call.keyword = in.item().as<value::map>();
    output.begin(handle);
    auto began = steady_clock::now();
    auto done = handler_.call(call);
    auto took = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - began)
                    .count();
    auto said = output.take();
    // One frame a result: sending costs less than being wrong about how long the next call takes.
    std::string body{"\x82\x04\x81"};
    append_row(body, handle, static_cast<uint64_t>(took), done, said);
    wire_.send(body);
  }

  void append_row(std::string& body, uint64_t handle, uint64_t took, outcome& done,
                  const std::array<std::string, 2>& said) {
    std::string item;
    if (!done.failed) {
      unwrap(done);
      item = encoded(done, said);
    }
    if (!done.failed) {
      cbor::append_head(body, 4, 7);
      cbor::append_head(body, 0, handle);
      cbor::append_head(body, 0, took);
      body += item;
      return;
    }
    const auto& why = *done.failed;
    cbor::append_head(body, 4, 9);
    cbor::append_head(body, 0, handle);
    cbor::append_head(body, 0, took);
    body += '\xf6';
    for (const auto& text : said)
      cbor::append_text(body, text);
    cbor::append_text(body, why.code);
    cbor::append_text(body, clipped(why.type, 1000));
    cbor::append_text(body, clipped(why.message, settings_.error_text_bytes_max / 4));
    cbor::append_text(body, clipped(why.traceback, settings_.error_text_bytes_max / 2));
  }

  /// Value, stdout, stderr, plugs, output; or why that cannot be.
  std::string encoded(outcome& done, const std::array<std::string, 2>& said) const {
    std::string item, named;
    cbor::append(item, done.returned);
    for (const auto* each : {&done.plugs, &done.output})
      cbor::append(named, *each && !(*each)->empty() ? value{**each} : value{});
    auto size = item.size() + named.size();
    if (size > settings_.payload_bytes_max)
      done.failed = failure{"output_too_large",
                            "output_too_large",
                            "result, plugs and output together are larger than "
                                + std::to_string(settings_.payload_bytes_max) + " bytes",
                            {}};
    for (const auto& text : said)
      cbor::append_text(item, text);
    return item + named;
  }

  handler handler_;
  wire wire_;
  settings settings_;
};

} // namespace detail

} // namespace millrace
