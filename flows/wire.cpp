#include "flows/wire.hpp"

#include <algorithm>

#include "flows/cbor.hpp"
#include "flows/limits.hpp"
#include "flows/utf8.hpp"

namespace flow::wire {

namespace {

enum client_type : uint64_t {
  type_client_hello = 1,
  type_submit = 2,
  type_wait = 3,
  type_request = 4,
  type_forget = 5,
  type_subscribe = 6,
};

enum node_type : uint64_t {
  type_node_hello = 1,
  type_accepted = 2,
  type_ended = 3,
  type_reply = 4,
  type_refused = 5,
  type_event = 6,
};

constexpr uint64_t flag_push_end = 1;
constexpr uint64_t flag_again = 2;

constexpr size_t session_bytes = 16;

// -- writing ------------------------------------------------------------------

/// The head of one message: its number of items, its type, and what nearly all have second.
cbor::writer begin(std::string& out, uint64_t items, uint64_t type, uint64_t first) {
  cbor::writer w{out};
  w.array(items + 1).unsigned_integer(type).unsigned_integer(first);
  return w;
}

void write_options(cbor::writer& w, const submit_options& options) {
  static const submit_options defaults;
  const bool priority = options.priority != defaults.priority;
  w.map(size_t{priority} + !options.key.empty() + (options.delay_ms != 0)
        + !options.argument.empty() + !options.trace.empty() + (options.expires_ms != 0)
        + !options.flow.empty());
  if (priority) w.text("priority").unsigned_integer(options.priority);
  if (!options.key.empty()) w.text("key").text(options.key);
  if (options.delay_ms != 0) w.text("delay_ms").unsigned_integer(options.delay_ms);
  if (!options.argument.empty()) w.text("argument").text(options.argument);
  if (!options.trace.empty()) w.text("trace").text(options.trace);
  if (options.expires_ms != 0) w.text("expires_ms").unsigned_integer(options.expires_ms);
  if (!options.flow.empty()) w.text("flow").bytes(options.flow);
}

struct client_encoder {
  std::string& out;

  void operator()(const client_hello& m) const {
    begin(out, 4, type_client_hello, m.major)
        .unsigned_integer(m.minor)
        .bytes(m.session)
        .text(m.name);
  }
  void operator()(const submit& m) const { encode(out, m); }
  void operator()(const wait& m) const { begin(out, 2, type_wait, m.seq).bytes(m.id.view()); }
  void operator()(const request& m) const {
    begin(out, 3, type_request, m.seq).text(m.verb).raw(m.params.cbor);
  }
  void operator()(const forget& m) const { begin(out, 1, type_forget, m.seq); }
  void operator()(const subscribe& m) const {
    begin(out, 3, type_subscribe, m.seq).text(m.channel).raw(m.params.cbor);
  }
};

struct node_encoder {
  std::string& out;

  void operator()(const node_hello& m) const {
    begin(out, 5, type_node_hello, m.major)
        .unsigned_integer(m.minor)
        .text(m.node)
        .text(m.user)
        .unsigned_integer(m.wall_ms);
  }
  void operator()(const accepted& m) const {
    begin(out, 2, type_accepted, m.seq).bytes(m.id.view());
  }
  void operator()(const ended& m) const {
    auto w = begin(out, 6, type_ended, m.seq);
    w.bytes(m.id.view()).unsigned_integer(static_cast<uint8_t>(m.state)).raw(m.result.cbor);
    if (m.why) {
      w.map(4).text("code").unsigned_integer(static_cast<uint16_t>(m.why.code));
      w.text("type").text(m.why.type).text("message").text(m.why.message);
      w.text("traceback").text(m.why.traceback);
    } else {
      w.null();
    }
    w.unsigned_integer(m.attempts);
  }
  void operator()(const reply& m) const { begin(out, 2, type_reply, m.seq).raw(m.answer.cbor); }
  void operator()(const refused& m) const {
    begin(out, 4, type_refused, m.seq)
        .unsigned_integer(static_cast<uint16_t>(m.why.code))
        .text(m.why.text)
        .text(m.why.hint);
  }
  void operator()(const event& m) const { begin(out, 2, type_event, m.seq).raw(m.what.cbor); }
};

// -- reading ------------------------------------------------------------------

value read_value(cbor::reader& r) {
  return value{std::string{r.raw()}};
}

call_id read_id(cbor::reader& r) {
  auto id = call_id_of_bytes(r.bytes());
  if (id) return *id;
  r.fail();
  return {};
}

template <class Number>
Number read_number(cbor::reader& r, uint64_t max) {
  auto n = r.unsigned_integer();
  if (n > max) r.fail();
  return static_cast<Number>(n);
}

ec read_code(cbor::reader& r) {
  return static_cast<ec>(read_number<uint16_t>(r, UINT16_MAX));
}

/// One item that must begin as `expected`.
std::string read_container(cbor::reader& r, cbor::kind expected) {
  if (r.peek() != expected) r.fail();
  return std::string{r.raw()};
}

submit_options read_options(cbor::reader& r) {
  submit_options options;
  auto pairs = r.map();
  for (uint64_t i = 0; i < pairs && !r.failed(); ++i) {
    auto key = r.text();
    if (key == "priority")
      options.priority = read_number<uint8_t>(r, limits::priority_max);
    else if (key == "key")
      options.key = r.text();
    else if (key == "delay_ms")
      options.delay_ms = r.unsigned_integer();
    else if (key == "argument")
      options.argument = r.text();
    else if (key == "trace")
      options.trace = r.text();
    else if (key == "expires_ms")
      options.expires_ms = r.unsigned_integer();
    else if (key == "flow")
      options.flow = r.bytes();
    else
      r.skip();
  }
  return options;
}

failure read_failure(cbor::reader& r) {
  failure why;
  if (r.peek() == cbor::kind::null) {
    r.null();
    return why;
  }
  auto pairs = r.map();
  for (uint64_t i = 0; i < pairs && !r.failed(); ++i) {
    auto key = r.text();
    if (key == "code")
      why.code = read_code(r);
    else if (key == "type")
      why.type = r.text();
    else if (key == "message")
      why.message = r.text();
    else if (key == "traceback")
      why.traceback = r.text();
    else
      r.skip();
  }
  return why;
}

/// Reads one message of `items` items after its type; returns how many of them it knows.
uint64_t read_client_message(cbor::reader& r, uint64_t type, std::vector<client_message>& out) {
  switch (type) {
  case type_client_hello: {
    client_hello m;
    m.major = r.unsigned_integer();
    m.minor = r.unsigned_integer();
    m.session = r.bytes();
    m.name = r.text();
    if (m.session.size() != session_bytes || m.name.size() > limits::name_bytes_max) r.fail();
    out.emplace_back(std::move(m));
    return 4;
  }
  case type_submit: {
    auto& m = std::get<submit>(out.emplace_back(std::in_place_type<submit>));
    m.seq = r.unsigned_integer();
    m.time_ms = r.unsigned_integer();
    m.socket = r.text();
    m.args.positional = read_container(r, cbor::kind::array);
    m.args.keyword = read_container(r, cbor::kind::map);
    m.options = read_options(r);
    auto flags = r.unsigned_integer();
    m.push_end = (flags & flag_push_end) != 0;
    m.again = (flags & flag_again) != 0;
    return 7;
  }
  case type_wait: {
    wait m;
    m.seq = r.unsigned_integer();
    m.id = read_id(r);
    out.emplace_back(m);
    return 2;
  }
  case type_request: {
    request m;
    m.seq = r.unsigned_integer();
    m.verb = r.text();
    m.params.cbor = read_container(r, cbor::kind::map);
    out.emplace_back(std::move(m));
    return 3;
  }
  case type_forget:
    out.emplace_back(forget{r.unsigned_integer()});
    return 1;
  case type_subscribe: {
    subscribe m;
    m.seq = r.unsigned_integer();
    m.channel = r.text();
    m.params.cbor = read_container(r, cbor::kind::map);
    out.emplace_back(std::move(m));
    return 3;
  }
  default:
    r.fail();
    return 0;
  }
}

uint64_t read_node_message(cbor::reader& r, uint64_t type, std::vector<node_message>& out) {
  switch (type) {
  case type_node_hello: {
    node_hello m;
    m.major = r.unsigned_integer();
    m.minor = r.unsigned_integer();
    m.node = r.text();
    m.user = r.text();
    m.wall_ms = r.unsigned_integer();
    out.emplace_back(std::move(m));
    return 5;
  }
  case type_accepted: {
    accepted m;
    m.seq = r.unsigned_integer();
    m.id = read_id(r);
    out.emplace_back(m);
    return 2;
  }
  case type_ended: {
    auto& m = std::get<ended>(out.emplace_back(std::in_place_type<ended>));
    m.seq = r.unsigned_integer();
    m.id = read_id(r);
    m.state
        = static_cast<call_state>(read_number<uint8_t>(r, static_cast<uint8_t>(call_state::dead)));
    m.result = read_value(r);
    m.why = read_failure(r);
    m.attempts = read_number<uint32_t>(r, UINT32_MAX);
    return 6;
  }
  case type_reply: {
    auto seq = r.unsigned_integer();
    out.emplace_back(reply{seq, read_value(r)});
    return 2;
  }
  case type_refused: {
    refused m;
    m.seq = r.unsigned_integer();
    m.why.code = read_code(r);
    m.why.text = r.text();
    m.why.hint = r.text();
    out.emplace_back(std::move(m));
    return 4;
  }
  case type_event: {
    auto seq = r.unsigned_integer();
    out.emplace_back(event{seq, read_value(r)});
    return 2;
  }
  default:
    r.fail();
    return 0;
  }
}

template <class Message, class Read>
result<std::vector<Message>> read_frame(std::string_view frame, std::string_view what,
                                        Read read_message) {
  cbor::reader r{frame};
  auto count = r.array();
  if (count > limits::api_frame_messages_max)
    return make_error(ec::bad_frame,
                      std::string{what} + ": " + std::to_string(count) + " messages, at most "
                          + std::to_string(limits::api_frame_messages_max) + " are taken");
  std::vector<Message> messages;
  messages.reserve(std::min<size_t>(count, limits::api_frame_messages_max));
  for (uint64_t i = 0; i < count && !r.failed(); ++i) {
    auto items = r.array();
    auto known = read_message(r, r.unsigned_integer(), messages) + 1;
    if (items < known) r.fail();
    for (auto n = known; n < items && !r.failed(); ++n)
      r.skip();
  }
  if (auto whole = r.finish(what); !whole) return whole.error();
  return messages;
}

result<void> check(std::string& item) {
  // The two that are sent most, and need no look.
  if (item.size() == 1 && (item[0] == '\x80' || item[0] == '\xa0')) return {};
  auto checked = value_of_cbor(std::move(item));
  if (!checked) return checked.error();
  item = std::move(checked->cbor);
  return {};
}

} // namespace

void encode(std::string& items, const submit& m) {
  auto w = begin(items, 7, type_submit, m.seq);
  w.unsigned_integer(m.time_ms).text(m.socket).raw(m.args.positional).raw(m.args.keyword);
  write_options(w, m.options);
  w.unsigned_integer((m.push_end ? flag_push_end : 0) | (m.again ? flag_again : 0));
}

void encode(std::string& items, const client_message& message) {
  std::visit(client_encoder{items}, message);
}

void encode(std::string& items, const node_message& message) {
  std::visit(node_encoder{items}, message);
}

std::string frame_head(size_t count) {
  std::string head;
  cbor::writer{head}.array(count);
  return head;
}

std::string frame_of(size_t count, std::string_view items) {
  return frame_head(count).append(items);
}

result<std::vector<client_message>> decode_client_frame(std::string_view frame) {
  return read_frame<client_message>(frame, "frame from a client", read_client_message);
}

result<std::vector<node_message>> decode_node_frame(std::string_view frame) {
  return read_frame<node_message>(frame, "frame from a node", read_node_message);
}

result<void> check_values(submit& message) {
  for (auto* text : {&message.options.key, &message.options.argument, &message.options.trace})
    if (utf8::first_error(*text) != std::string_view::npos)
      return make_error(ec::bad_value, "an option of the call is not UTF-8");
  if (auto positional = check(message.args.positional); !positional) return positional;
  return check(message.args.keyword);
}

result<void> check_values(value& params) {
  return check(params.cbor);
}

} // namespace flow::wire
