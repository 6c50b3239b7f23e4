// A module of functions in C++, run by a worker.
//
//   #include <millrace/worker.hpp>
//
//   int64_t add(int64_t a, int64_t b) { return a + b; }
//
//   int main() {
//     millrace::worker w;
//     w.function("add", add, {"a", {"b", 1}});
//     return w.serve();
//   }
#pragma once

#include <cxxabi.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <tuple>
#include <typeinfo>

#include "millrace/protocol.hpp"

namespace millrace {

/// One parameter of a function, by the name that callers use.
struct parameter {
  std::string name;
  std::optional<value> otherwise; ///< when it is not given; none: it must be

  parameter(const char* n) : name{n} {}
  parameter(std::string n, value v) : name{std::move(n)}, otherwise{std::move(v)} {}
};

/// Named outputs, or artifacts, of the call that runs: functions that take one by reference are
/// given it.
template <class Tag>
struct named_values {
  value::map pairs;
  void set(std::string name, value v) {
    for (auto& [known, held] : pairs)
      if (known == name) {
        held = std::move(v);
        return;
      }
    pairs.emplace_back(std::move(name), std::move(v));
  }
};
using plugs = named_values<struct plugs_tag>;
using output = named_values<struct output_tag>;

/// What a function may ask of the call that runs.
struct context {
  std::string id; ///< as text; the same in every attempt: make effects outside idempotent with it
  uint64_t attempt = 1;
  std::string function;
};

/// Of the thread that runs calls.
inline context& ctx() {
  static thread_local context now;
  return now;
}

namespace detail {

struct call_state {
  const request& call;
  const std::vector<parameter>& parameters;
  plugs routed;
  output artifacts;
  size_t next = 0; ///< parameter

  value take() {
    const auto& wanted = parameters.at(next);
    auto at = next++;
    if (at < call.positional.size()) return call.positional[at];
    for (const auto& [name, v] : call.keyword)
      if (name == wanted.name) return v;
    if (wanted.otherwise) return *wanted.otherwise;
    throw bad_argument("argument " + wanted.name + " is missing");
  }

  template <class T>
  T argument() {
    auto name = parameters.at(next).name;
    try {
      return take().template as<T>();
    } catch (const bad_argument& why) {
      throw bad_argument("argument " + name + ": " + why.what());
    }
  }

  void check() const {
    if (call.positional.size() > parameters.size())
      throw bad_argument("takes " + std::to_string(parameters.size()) + " arguments, "
                         + std::to_string(call.positional.size()) + " were given");
    for (const auto& [name, v] : call.keyword) {
      auto known = std::find_if(parameters.begin(), parameters.end(),
                                [&n = name](const parameter& each) { return each.name == n; });
      if (known == parameters.end()) throw bad_argument("has no argument " + name);
      if (known - parameters.begin() < static_cast<std::ptrdiff_t>(call.positional.size()))
        throw bad_argument("argument " + name + " is given twice");
    }
  }
};

template <class T>
struct fetch {
  static std::tuple<T> from(call_state& state) { return {state.argument<T>()}; }
};
template <>
struct fetch<plugs> {
  static std::tuple<plugs&> from(call_state& state) { return {state.routed}; }
};
template <>
struct fetch<output> {
  static std::tuple<output&> from(call_state& state) { return {state.artifacts}; }
};

template <class T>
inline constexpr bool is_given
    = !std::same_as<std::remove_cvref_t<T>, plugs> && !std::same_as<std::remove_cvref_t<T>, output>;

inline std::string type_name(const std::type_info& type) {
  int status = 0;
  std::unique_ptr<char, void (*)(void*)> text{
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free};
  std::string out = status == 0 ? text.get() : type.name();
  constexpr std::string_view nested = "std::_Nested_exception<"; // made by std::throw_with_nested
  if (out.starts_with(nested) && out.ends_with('>'))
    return out.substr(nested.size(), out.size() - nested.size() - 1);
  return out;
}

/// The exceptions that caused it, the outermost first.
inline std::string causes(const std::exception& error, const std::string& function) {
  std::string text
      = "in " + function + ": " + type_name(typeid(error)) + ": " + error.what() + "\n";
  try {
    std::rethrow_if_nested(error);
  } catch (const std::exception& inner) {
    text += "caused by " + causes(inner, function);
  } catch (...) {
    text += "caused by something that is no std::exception\n";
  }
  return text;
}

inline std::string id_text(std::string_view id) {
  std::string out;
  for (size_t i = 0; i < id.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    auto byte = static_cast<uint8_t>(id[i]);
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

} // namespace detail

class worker {
public:
  /// `f` by the name that callers use, with the names of its parameters: all but those of type
  /// `plugs&` and `output&`.
  template <class F>
  worker& function(std::string name, F f, std::vector<parameter> parameters) {
    return add(std::move(name), std::function{std::move(f)}, std::move(parameters));
  }

  /// Runs calls until the node has no more; what `main` returns.
  int serve() {
    handler all;
    all.import = [](const settings&) { return std::optional<failure>{}; };
    all.call = [this](const request& call) { return run(call); };
    return detail::session{std::move(all)}.run("native C++");
  }

private:
  using body = std::function<outcome(detail::call_state&)>;
  struct entry {
    body run;
    std::vector<parameter> parameters;
  };

  template <class R, class... A>
  worker& add(std::string name, std::function<R(A...)> f, std::vector<parameter> parameters) {
    if ((size_t{0} + ... + (detail::is_given<A> ? 1 : 0)) != parameters.size())
      throw std::logic_error("function " + name + " has another number of parameters than names");
    body run = [f = std::move(f)](detail::call_state& state) {
      // Braces: from the first to the last.
      auto all = std::tuple<decltype(detail::fetch<std::remove_cvref_t<A>>::from(state))...>{
          detail::fetch<std::remove_cvref_t<A>>::from(state)...};
      outcome done;
      auto call = [&](auto&... parts) {
        if constexpr (std::is_void_v<R>)
          f(std::get<0>(parts)...);
        else
          done.returned = value{f(std::get<0>(parts)...)};
      };
      std::apply(call, all);
      return done;
    };
    functions_.insert_or_assign(std::move(name), entry{std::move(run), std::move(parameters)});
    return *this;
  }

  outcome run(const request& call) {
    outcome done;
    auto it = functions_.find(call.function);
    if (it == functions_.end()) {
      done.failed = failure{"unknown_function",
                            "unknown_function",
                            "the program has no function " + call.function,
                            {}};
      return done;
    }
    ctx() = {detail::id_text(call.id), call.attempt, call.function};
    detail::call_state state{call, it->second.parameters, {}, {}};
    try {
      state.check();
      done = it->second.run(state);
      if (!state.routed.pairs.empty()) done.plugs = std::move(state.routed.pairs);
      if (!state.artifacts.pairs.empty()) done.output = std::move(state.artifacts.pairs);
    } catch (const bad_argument& error) {
      done.failed
          = failure{"bad_arguments", "bad_arguments", call.function + ": " + error.what(), {}};
    } catch (const std::exception& error) {
      done.failed = failure{"task_failed", detail::type_name(typeid(error)), error.what(),
                            detail::causes(error, call.function)};
    } catch (...) {
      done.failed = failure{
          "task_failed", "exception", "something that is no std::exception was thrown", {}};
    }
    return done;
  }

  std::map<std::string, entry> functions_;
};

} // namespace millrace
