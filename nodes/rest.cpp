#include "nodes/rest.hpp"

#include <algorithm>
#include <charconv>

#include "flows/cbor.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"
#include "flows/workflow_text.hpp"
#include "nodes/rest_target.hpp"

namespace flow::nodes {

namespace {

constexpr std::string_view calls_path = "/api/v1/calls";
constexpr std::string_view verbs_path = "/api/v1/verbs/";

value id_params(std::string_view id) {
  return built([id](cbor::writer& w) { w.map(1).text("id").text(id); });
}

/// Calls `take(key, reader)` for each pair of a map; it must read exactly one item.
template <class Take>
void each_pair(const value& map, Take take) {
  cbor::reader r{map.cbor};
  auto pairs = r.map();
  for (uint64_t i = 0; i < pairs && !r.failed(); ++i)
    take(r.text(), r);
}

std::string text_field(const value& map, std::string_view wanted) {
  std::string found;
  each_pair(map, [&](std::string_view key, cbor::reader& r) {
    if (key == wanted && r.peek() == cbor::kind::text)
      found = r.text();
    else
      r.skip();
  });
  return found;
}

ec code_of_text(std::string_view text) {
  auto& all = all_error_codes();
  auto found = std::ranges::find(all, text, [](auto& each) { return code_text(each.code); });
  return found == all.end() ? ec::wrong_state : found->code;
}

/// Why the only item of {items: [{id, ok, error: {code, message}}]} was not done; none if it was.
std::optional<error> error_of_one_item(const value& answer) {
  std::optional<error> why;
  bool is_done = true;
  each_pair(answer, [&](std::string_view key, cbor::reader& r) {
    if (key != "items" || r.array() != 1) return r.fail();
    each_pair(value{std::string{r.raw()}}, [&](std::string_view name, cbor::reader& item) {
      const auto kind = item.peek();
      if (name == "ok" && kind == cbor::kind::boolean) {
        is_done = item.boolean();
      } else if (name == "error" && kind == cbor::kind::map) {
        value told{std::string{item.raw()}};
        why = make_error(code_of_text(text_field(told, "code")),
                         "the call was not changed: " + text_field(told, "message"));
      } else {
        item.skip();
      }
    });
  });
  if (!is_done && !why) why = make_error(ec::wrong_state, "the call was not changed");
  return why;
}

bool is_end(std::string_view state) {
  constexpr std::string_view ends[] = {"finished", "failed", "timed_out", "cancelled", "dead"};
  return std::ranges::find(ends, state) != std::end(ends);
}

rest_answer ended_answer(const wire::ended& m) {
  return json_answer(
      200, built([&m](cbor::writer& w) {
        w.map(5).text("id").text(to_string(m.id)).text("state").text(to_string(m.state));
        w.text("result").raw(m.result.cbor).text("failure");
        if (m.why) {
          w.map(4).text("code").text(code_text(m.why.code)).text("type").text(m.why.type);
          w.text("message").text(m.why.message).text("traceback").text(m.why.traceback);
        } else {
          w.null();
        }
        w.text("attempts").unsigned_integer(m.attempts);
      }));
}

// -- the body of POST calls ---------------------------------------------------

const std::vector<std::string>& call_keys() {
  static const std::vector<std::string> keys{"socket",   "args",       "kwargs",   "key",
                                             "priority", "delay_ms",   "argument", "trace",
                                             "wait_ms",  "expires_ms", "flow"};
  return keys;
}

/// Reads one item of the body into `m`; false if it is not of the kind that it must be.
bool read_call_key(std::string_view key, cbor::reader& r, wire::submit& m, uint64_t& wait_ms) {
  const auto kind = r.peek();
  auto text = [&](std::string& to) {
    if (kind != cbor::kind::text) return false;
    to = r.text();
    return true;
  };
  auto number = [&](uint64_t& to, uint64_t max) {
    if (kind != cbor::kind::unsigned_integer) return false;
    to = r.unsigned_integer();
    return to <= max;
  };
  auto item = [&](std::string& to, cbor::kind expected) {
    if (kind != expected) return false;
    to = r.raw();
    return true;
  };
  uint64_t priority = 0;
  if (key == "socket") return text(m.socket);
  if (key == "flow") return text(m.options.flow); // its text; read when the whole body is known
  if (key == "args") return item(m.args.positional, cbor::kind::array);
  if (key == "kwargs") return item(m.args.keyword, cbor::kind::map);
  if (key == "key") return text(m.options.key);
  if (key == "argument") return text(m.options.argument);
  if (key == "trace") return text(m.options.trace);
  if (key == "delay_ms") return number(m.options.delay_ms, UINT64_MAX);
  if (key == "expires_ms") return number(m.options.expires_ms, UINT64_MAX);
  if (key == "wait_ms") return number(wait_ms, limits::api_wait_ms_max);
  if (!number(priority, limits::priority_max)) return false;
  m.options.priority = static_cast<uint8_t>(priority);
  return true;
}

/// The text of a workflow, if there is one, becomes its bytes and its arguments.
result<void> read_workflow(wire::submit& m) {
  if (m.options.flow.empty()) return {};
  auto asked = parse_workflow(m.options.flow);
  if (!asked) return asked.error();
  m.options.flow = encode(asked->what);
  if (asked->args.empty()) return {};
  if (cbor::reader{m.args.positional}.array() != 0)
    return make_error(ec::bad_value, "the arguments are both in `flow` and in `args`");
  m.args = make_arguments(asked->args);
  return {};
}

result<wire::submit> submit_of_body(const value& body, uint64_t& wait_ms) {
  if (cbor::reader{body.cbor}.peek() != cbor::kind::map)
    return make_error(ec::bad_value, "the body of a call is a JSON object",
                      R"(such as {"socket": "shop.price", "args": []})");
  wire::submit m;
  std::optional<error> wrong;
  each_pair(body, [&](std::string_view key, cbor::reader& r) {
    auto& known = call_keys();
    if (std::ranges::find(known, key) == known.end()) {
      if (!wrong)
        wrong = make_error(ec::unknown_key, "a call has no " + flow::quoted(key),
                           did_you_mean(key, known));
      r.skip();
    } else if (!read_call_key(key, r, m, wait_ms)) {
      if (!wrong)
        wrong = make_error(ec::bad_value,
                           flow::quoted(key) + " of the call has a wrong type or size");
      r.fail();
    }
  });
  if (wrong) return *wrong;
  if (m.socket.empty() && m.options.flow.empty())
    return make_error(ec::bad_value, "the call names no `socket`", "or the text of a `flow`");
  if (!m.socket.empty() && !m.options.flow.empty())
    return make_error(ec::bad_value, "the call names both a `socket` and a `flow`");
  if (auto done = read_workflow(m); !done) return done.error();
  return m;
}

// -- queries ------------------------------------------------------------------

result<uint64_t> number_of(const std::string& name, const std::string& text, uint64_t max) {
  uint64_t n = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (failed != std::errc{} || end != text.data() + text.size() || n > max)
    return make_error(ec::bad_value, name + "=" + flow::quoted(text) + " is not a number from 0 to "
                                         + std::to_string(max));
  return n;
}

error no_such_parameter(const std::string& name, const std::vector<std::string>& known) {
  return make_error(ec::unknown_key, "this resource takes no parameter " + flow::quoted(name),
                    did_you_mean(name, known));
}

result<value> list_params(const rest_target& target) {
  static const std::vector<std::string> known{"filter", "limit", "cursor", "unfinished"};
  value params;
  params.cbor.clear();
  cbor::writer w{params.cbor};
  w.map(target.query.size());
  for (auto& [name, text] : target.query) {
    if (std::ranges::find(known, name) == known.end()) return no_such_parameter(name, known);
    w.text(name);
    if (name == "limit") {
      auto limit = number_of(name, text, limits::list_items_max);
      if (!limit) return limit.error();
      w.unsigned_integer(*limit);
    } else if (name == "unfinished") {
      w.boolean(text != "false" && text != "0");
    } else {
      w.text(text);
    }
  }
  return params;
}

rest_answer wrong_method(const rest_request& request, std::string allow) {
  auto answer = problem(
      405, make_error(ec::bad_usage, request.method + " is not possible here", "use " + allow));
  answer.allow = std::move(allow);
  return answer;
}

} // namespace

// -- routes -------------------------------------------------------------------

struct rest_exchange::builder {
  using outcome = boost::system::result<rest_exchange, rest_answer>;
  const rest_request& request;
  const rest_target& target;
  uint64_t now_ms;

  outcome post_call() const {
    auto body = value_of_json(request.body);
    if (!body) return problem(body.error());
    rest_exchange exchange;
    auto submit = submit_of_body(*body, exchange.wanted_ms_);
    if (!submit) return problem(submit.error());
    if (submit->options.key.empty()) submit->options.key = request.key;
    if (submit->options.trace.empty()) submit->options.trace = request.trace;
    if (submit->options.delay_ms > 0) exchange.state_when_accepted_ = "scheduled";
    if (!submit->options.argument.empty()) exchange.state_when_accepted_ = "joining";
    submit->seq = ++exchange.last_seq_;
    submit->time_ms = now_ms;
    submit->push_end = exchange.wanted_ms_ > 0;
    exchange.step_ = step::accept;
    exchange.wait_ms_
        = exchange.wanted_ms_ > 0 ? exchange.wanted_ms_ : limits::request_timeout_ms_default;
    exchange.to_session_.emplace_back(std::move(*submit));
    return exchange;
  }

  outcome show_call(std::string id) const {
    rest_exchange exchange;
    for (auto& [name, text] : target.query) {
      if (name != "wait_ms") return problem(no_such_parameter(name, {"wait_ms"}));
      auto wanted = number_of(name, text, limits::api_wait_ms_max);
      if (!wanted) return problem(wanted.error());
      exchange.wanted_ms_ = *wanted;
    }
    exchange.step_ = exchange.wanted_ms_ > 0 ? step::show : step::answer;
    exchange.id_text_ = std::move(id);
    exchange.ask("call.show", id_params(exchange.id_text_));
    return exchange;
  }

  outcome cancel_call(const std::string& id) const {
    rest_exchange exchange;
    exchange.step_ = step::cancel;
    exchange.ask("call.cancel",
                 built([&id](cbor::writer& w) { w.map(1).text("ids").array(1).text(id); }));
    return exchange;
  }

  outcome list_calls() const {
    auto params = list_params(target);
    if (!params) return problem(params.error());
    rest_exchange exchange;
    exchange.ask("call.list", std::move(*params));
    return exchange;
  }

  outcome run_verb(std::string verb) const {
    value params{"\xa0"};
    if (!request.body.empty()) {
      auto body = value_of_json(request.body);
      if (!body) return problem(body.error());
      params = std::move(*body);
    }
    if (cbor::reader{params.cbor}.peek() != cbor::kind::map)
      return problem(
          make_error(ec::bad_value, "the params of " + flow::quoted(verb) + " are a JSON object"));
    rest_exchange exchange;
    exchange.ask(std::move(verb), std::move(params));
    return exchange;
  }
};

boost::system::result<rest_exchange, rest_answer> rest_exchange::begin(const rest_request& request,
                                                                       uint64_t now_ms) {
  auto target = parse_target(request.target);
  if (!target) return problem(target.error());
  builder route{request, *target, now_ms};
  auto& path = target->path;
  if (path == calls_path) {
    if (request.method == "POST") return route.post_call();
    if (request.method == "GET") return route.list_calls();
    return wrong_method(request, "GET, POST");
  }
  if (path.starts_with(calls_path) && path[calls_path.size()] == '/'
      && path.size() > calls_path.size() + 1) {
    auto id = path.substr(calls_path.size() + 1);
    if (request.method == "GET") return route.show_call(std::move(id));
    if (request.method == "DELETE") return route.cancel_call(id);
    return wrong_method(request, "GET, DELETE");
  }
  if (path.starts_with(verbs_path) && path.size() > verbs_path.size()) {
    if (request.method != "POST") return wrong_method(request, "POST");
    return route.run_verb(path.substr(verbs_path.size()));
  }
  return problem(404,
                 make_error(ec::unknown_command, "no resource " + flow::quoted(path),
                            "the resources are /api/v1/calls, /api/v1/verbs/VERB and /healthz"));
}

void rest_exchange::ask(std::string verb, value params) {
  verb_ = verb;
  wait_ms_ = limits::request_timeout_ms_default;
  to_session_.emplace_back(wire::request{++last_seq_, std::move(verb), std::move(params)});
}

// -- what comes back ----------------------------------------------------------

std::optional<rest_answer> rest_exchange::on_message(const wire::node_message& message) {
  if (auto* m = std::get_if<wire::refused>(&message)) {
    if (step_ != step::wait) return problem(m->why);
    return time_is_up();
  }
  if (auto* m = std::get_if<wire::accepted>(&message)) {
    id_ = m->id;
    step_ = step::end;
    if (wanted_ms_ == 0) return time_is_up();
  }
  if (auto* m = std::get_if<wire::ended>(&message)) {
    if (step_ == step::wait) return time_is_up();
    return ended_answer(*m);
  }
  if (auto* m = std::get_if<wire::reply>(&message); m && m->seq == last_seq_)
    return on_reply(m->answer);
  return std::nullopt;
}

std::optional<rest_answer> rest_exchange::on_reply(const value& answer) {
  if (step_ == step::show && !is_end(text_field(answer, "state"))) {
    if (auto id = parse_call_id(text_field(answer, "id"))) {
      step_ = step::wait;
      wait_ms_ = wanted_ms_;
      to_session_.emplace_back(wire::wait{++last_seq_, *id});
      return std::nullopt;
    }
  }
  if (step_ != step::cancel) return json_answer(200, answer);
  auto not_done = error_of_one_item(answer);
  return not_done ? problem(*not_done) : json_answer(200, answer);
}

std::optional<rest_answer> rest_exchange::time_is_up() {
  switch (step_) {
  case step::end: {
    auto id = to_string(id_);
    auto answer
        = json_answer(201, built([&](cbor::writer& w) {
                        w.map(2).text("id").text(id).text("state").text(state_when_accepted_);
                      }));
    answer.location = std::string{calls_path} + "/" + id;
    return answer;
  }
  case step::wait:
    step_ = step::show_again;
    ask("call.show", id_params(id_text_));
    return std::nullopt;
  case step::accept:
    // A short `wait_ms` does not make an unacknowledged call an error.
    if (wait_ms_ < limits::request_timeout_ms_default) {
      wait_ms_ = limits::request_timeout_ms_default - wait_ms_;
      wanted_ms_ = 0;
      return std::nullopt;
    }
    return problem(
        make_error(ec::timed_out, "the call was not acknowledged in time",
                   "it may run all the same; give it a `key` to ask again without a second call"));
  default:
    return problem(make_error(ec::timed_out, flow::quoted(verb_) + " was not answered in time"));
  }
}

} // namespace flow::nodes
