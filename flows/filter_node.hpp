// What a filter is once it is parsed. Only the two files of the filter include this.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "flows/pattern.hpp"

namespace flow {

/// A value as typed, with all that it may mean: the field that it meets decides.
struct filter_operand {
  std::string text;
  bool is_quoted = false;
  bool is_null = false;
  std::optional<bool> boolean;
  std::optional<long double> number; ///< wide enough for every integer of 64 bits
  std::optional<uint64_t> duration_ms;
  std::optional<uint64_t> time_ms;
  std::optional<int64_t> from_now_ms;
};

enum class filter_operator : uint8_t { equal, less, less_equal, greater, greater_equal, found, in };

struct filter_node {
  enum class kind : uint8_t { all, any, negation, comparison };
  kind what = kind::comparison;
  std::vector<filter_node> children; ///< of `all` and `any`; one of `negation`
  // -- of a comparison
  std::vector<std::string> path;
  filter_operator how = filter_operator::equal;
  std::vector<filter_operand> operands; ///< one, except for `in`
  std::optional<pattern> expression;    ///< of `found`
};

} // namespace flow
