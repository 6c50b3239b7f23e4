// Workflows of typed sockets: what does not fit together does not compile, and says so in a
// sentence.
//   auto price = over.socket<double(std::string)>("shop.price").value();
//   auto add = over.socket<double(std::vector<double>)>("shop.total").value();
//   auto all = funnel(step(price, "tea"), step(price, "cup"))(step(add));
//   double sum = run(over, std::chrono::seconds{10}, all).value();
//
// A step is a value: it can be launched often, and stand in several workflows. What a step is given
// by the step before it stands in front of the arguments that were bound to it.
#pragma once

#include <concepts>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "flows/typed_socket.hpp"
#include "flows/workflow.hpp"

namespace flow {

// -- what fits into what ------------------------------------------------------

namespace typed {

template <class To, class From>
struct accepts_type;

/// Whether an argument of type `To` can be given what is a `From`. `value` is anything: what it
/// really is shows when it runs.
template <class To, class From>
inline constexpr bool accepts = accepts_type<std::decay_t<To>, std::decay_t<From>>::fits;

template <class To, class From>
struct accepts_type {
  static constexpr bool is_number_for_number
      = std::is_arithmetic_v<
            To> && std::is_arithmetic_v<From> && (std::same_as<To, bool> == std::same_as<From, bool>)&&(std::is_floating_point_v<To> || std::is_integral_v<From>);
  static constexpr bool is_text_for_text
      = std::same_as<To, std::string> && std::convertible_to<From, std::string_view>;
  static constexpr bool fits
      = std::same_as<
            To,
            From> || std::same_as<To, value> || std::same_as<From, value> || is_number_for_number
        || is_text_for_text;
};
template <class To, class From>
struct accepts_type<std::vector<To>, std::vector<From>> {
  static constexpr bool fits = accepts<To, From>;
};
template <class To, class... From>
struct accepts_type<std::vector<To>, std::tuple<From...>> {
  static constexpr bool fits = (accepts<To, From> && ...);
};
template <class... To, class... From>
struct accepts_type<std::tuple<To...>, std::tuple<From...>> {
  static constexpr bool all() {
    if constexpr (sizeof...(To) == sizeof...(From))
      return (accepts<To, From> && ...);
    else
      return false;
  }
  static constexpr bool fits = all();
};
template <class To, class From>
struct accepts_type<std::optional<To>, From> {
  static constexpr bool fits = accepts<To, From>;
};
template <class To, class From>
struct accepts_type<std::optional<To>, std::optional<From>> {
  static constexpr bool fits = accepts<To, From>;
};

// -- what a step is given -----------------------------------------------------

/// These values, in front of what was bound.
template <class... Args>
struct takes {
  template <class... Given>
  static constexpr bool fits() {
    if constexpr (sizeof...(Given) == sizeof...(Args))
      return (accepts<Args, Given> && ...);
    else
      return false;
  }
};
/// Whatever it is given does not reach it.
struct takes_anything {
  template <class... Given>
  static constexpr bool fits() {
    return true;
  }
};
/// Each member is given the same.
template <class... Members>
struct takes_as_each {
  template <class... Given>
  static constexpr bool fits() {
    return (Members::template fits<Given...>() && ...);
  }
};

/// The first `count` types of a list.
template <size_t Count, class Taken, class... Rest>
struct first_types;
template <class... Taken, class... Rest>
struct first_types<0, std::tuple<Taken...>, Rest...> {
  using type = takes<Taken...>;
  using rest = std::tuple<Rest...>;
};
template <size_t Count, class... Taken, class Next, class... Rest>
requires(Count > 0) struct first_types<Count, std::tuple<Taken...>, Next, Rest...>
    : first_types<Count - 1, std::tuple<Taken..., Next>, Rest...> {
};

} // namespace typed

// -- steps --------------------------------------------------------------------

/// Returns an `Out` when it is given what `In` says. A rule that cannot be broken by types (too
/// many steps, too deep) is told when it is launched.
template <class Out, class In>
class typed_step {
public:
  using result_type = Out;
  using input_type = In;

  explicit typed_step(result<workflow> what) : what_{std::move(what)} {}
  const result<workflow>& untyped() const { return what_; }

private:
  result<workflow> what_;
};

namespace typed {

template <class Step>
inline constexpr bool is_step = requires {
  typename Step::result_type;
  typename Step::input_type;
};

template <class Step>
using output_of = typename Step::result_type;
template <class Step>
using input_of = typename Step::input_type;

/// What one step adds to the list of a parallel: a parallel is spliced. `is_counted`: how many it
/// adds is known.
template <class Step, class = void>
struct members_of {
  using types = std::tuple<output_of<Step>>;
  static constexpr bool is_counted = true;
};
template <class Step>
struct members_of<Step, std::void_t<typename Step::member_types>> {
  using types = typename Step::member_types;
  static constexpr bool is_counted = Step::is_counted;
};

/// The list of what they return: a vector if that is always the same, else a tuple.
template <class All>
struct list_type;
template <class First, class... Rest>
struct list_type<std::tuple<First, Rest...>> {
  static constexpr bool is_uniform = (std::same_as<First, Rest> && ...);
  using type = std::conditional_t<is_uniform, std::vector<First>, std::tuple<First, Rest...>>;
};

template <class... Steps>
struct list_of {
  using types = decltype(std::tuple_cat(std::declval<typename members_of<Steps>::types>()...));
  using type = typename list_type<types>::type;
  static constexpr bool is_counted = (members_of<Steps>::is_counted && ...);
  static constexpr bool has_type = is_counted || list_type<types>::is_uniform;
};

/// The steps without their types, or the first error among them.
template <class... Steps>
result<std::vector<workflow>> untyped(const Steps&... steps) {
  std::vector<workflow> all;
  std::optional<error> wrong;
  auto add = [&](const result<workflow>& one) {
    if (one)
      all.push_back(*one);
    else if (!wrong)
      wrong = one.error();
  };
  (add(steps.untyped()), ...);
  if (wrong) return *wrong;
  return all;
}

template <class Step, class... Later>
constexpr bool is_chain() {
  if constexpr (sizeof...(Later) == 0) {
    return true;
  } else {
    using next = std::tuple_element_t<0, std::tuple<Later...>>;
    return input_of<next>::template fits<output_of<Step>>() && is_chain<Later...>();
  }
}

template <class... Steps>
using last_of = std::tuple_element_t<sizeof...(Steps) - 1, std::tuple<Steps...>>;
template <class... Steps>
using first_of = std::tuple_element_t<0, std::tuple<Steps...>>;

template <class Rest, class... Bound>
constexpr bool can_be_bound() {
  return accepts_type<Rest, std::tuple<std::decay_t<Bound>...>>::fits;
}

/// Positional arguments from C++ values.
template <class... Values>
arguments encoded(const Values&... values) {
  arguments args;
  args.positional.clear();
  cbor::writer out{args.positional};
  out.array(sizeof...(Values));
  (codec::write(out, values), ...);
  return args;
}

} // namespace typed

/// A call of the socket with its last arguments bound; it is given the others.
template <class R, class... Args, class... Bound>
auto step(const typed_socket<R(Args...)>& socket, const Bound&... bound) {
  static_assert(sizeof...(Bound) <= sizeof...(Args),
                "step: more arguments are bound than the socket's function has");
  constexpr size_t given_count
      = sizeof...(Bound) <= sizeof...(Args) ? sizeof...(Args) - sizeof...(Bound) : 0;
  using split = typed::first_types<given_count, std::tuple<>, std::decay_t<Args>...>;
  static_assert(sizeof...(Bound) > sizeof...(Args)
                    || typed::can_be_bound<typename split::rest, Bound...>(),
                "step: an argument is bound that the socket's function does not take there");
  return typed_step<R, typename split::type>{
      workflow::call(socket.name(), typed::encoded(bound...))};
}

/// The same, but that it is not given the result of the step before it: all arguments are bound.
template <class R, class... Args, class... Bound>
auto only(const typed_socket<R(Args...)>& socket, const Bound&... bound) {
  static_assert(typed::can_be_bound<std::tuple<std::decay_t<Args>...>, Bound...>(),
                "only: all arguments of the socket's function have to be bound, and none else");
  return typed_step<R, typed::takes_anything>{
      workflow::call(socket.name(), typed::encoded(bound...)).only()};
}

/// One after the other; each is given the result of the one before.
template <class... Steps>
auto pipeline(const Steps&... steps) {
  static_assert(sizeof...(Steps) > 0, "pipeline: there has to be at least one step");
  static_assert((typed::is_step<Steps> && ...), "pipeline: a step is made by step(socket, ...)");
  if constexpr (sizeof...(Steps) > 0) {
    static_assert(typed::is_chain<Steps...>(),
                  "pipeline: a step cannot take the result of the step before it");
    auto all = typed::untyped(steps...);
    using made = typed_step<typed::output_of<typed::last_of<Steps...>>,
                            typed::input_of<typed::first_of<Steps...>>>;
    return made{all ? workflow::pipeline(*all) : result<workflow>{all.error()}};
  }
}

/// A step that another parallel, or a funnel, takes apart.
template <class List, class In, class Members, bool IsCounted>
class parallel_step : public typed_step<List, In> {
public:
  using member_types = Members;
  static constexpr bool is_counted = IsCounted;
  using typed_step<List, In>::typed_step;
};

/// All at once; the list of their results in this order.
template <class... Steps>
requires(sizeof...(Steps) > 0) auto parallel(const Steps&... steps) {
  static_assert((typed::is_step<Steps> && ...), "parallel: a step is made by step(socket, ...)");
  using list = typed::list_of<Steps...>;
  static_assert(list::has_type,
                "parallel: beside a parallel of any number of members all return the same type");
  auto all = typed::untyped(steps...);
  return parallel_step<typename list::type, typed::takes_as_each<typed::input_of<Steps>...>,
                       typename list::types, list::is_counted>{all ? workflow::parallel(*all)
                                                                   : result<workflow>{all.error()}};
}

/// As many as there are when it is built.
template <class Out, class In>
auto parallel(const std::vector<typed_step<Out, In>>& steps) {
  using made = parallel_step<std::vector<Out>, In, std::tuple<Out>, false>;
  std::vector<workflow> all;
  for (const auto& each : steps) {
    if (!each.untyped()) return made{each.untyped().error()};
    all.push_back(*each.untyped());
  }
  return made{workflow::parallel(all)};
}

/// Members whose list waits for a body.
template <class List, class In>
class open_funnel {
public:
  explicit open_funnel(result<workflow> members) : members_{std::move(members)} {}

  /// The body is given the list.
  template <class Body>
  auto operator()(const Body& body) const {
    static_assert(typed::is_step<Body>, "funnel: the body is made by step(socket, ...)");
    static_assert(typed::input_of<Body>::template fits<List>(),
                  "funnel: the body cannot take the list of the members' results");
    using made = typed_step<typed::output_of<Body>, In>;
    if (!members_) return made{members_.error()};
    if (!body.untyped()) return made{body.untyped().error()};
    return made{workflow::funnel({*members_}, *body.untyped())};
  }

private:
  result<workflow> members_; ///< a parallel: spliced into the funnel
};

/// `funnel(a, b)(body)`.
template <class... Steps>
auto funnel(const Steps&... steps) {
  auto members = parallel(steps...);
  using made = decltype(members);
  return open_funnel<typename made::result_type, typename made::input_type>{members.untyped()};
}

/// Calls the socket for each item; chunks of `chunk_items` side by side.
template <class R, class Arg, class Item>
auto segment(const typed_socket<R(Arg)>& socket, const std::vector<Item>& items,
             size_t chunk_items) {
  static_assert(typed::accepts<Arg, Item>, "segment: the socket cannot take an item of the list");
  std::vector<value> all;
  for (const Item& item : items) // as a list of one argument: an item may be a list itself
    all.push_back({typed::encoded(item).positional});
  return typed_step<std::vector<std::vector<R>>, typed::takes<>>{
      workflow::segment(workflow::call(socket.name()), all, chunk_items)};
}

// -- launching ----------------------------------------------------------------

/// Durable when it returns.
template <class Out, class In, class... Given>
result<typed_call<Out>> launch(const client& over, const typed_step<Out, In>& what,
                               const Given&... given) {
  static_assert(In::template fits<Given...>(),
                "launch: the first step cannot take the arguments that the workflow is given");
  if (!what.untyped()) return what.untyped().error();
  wire::submit_options options;
  options.flow = encode(*what.untyped());
  auto handle = over.launch({}, typed::encoded(given...), options);
  if (!handle) return handle.error();
  return typed_call<Out>{std::move(*handle)};
}

/// Launches and waits for the result; `timed_out` leaves the workflow in progress.
template <class Out, class In, class... Given>
result<Out> run(const client& over, std::chrono::milliseconds timeout,
                const typed_step<Out, In>& what, const Given&... given) {
  auto call = launch(over, what, given...);
  if (!call) return call.error();
  return call->get(timeout);
}

} // namespace flow
