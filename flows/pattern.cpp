#include "flows/pattern.hpp"

#include <re2/re2.h>

#include "flows/limits.hpp"
#include "flows/text.hpp"

namespace flow {

namespace {

re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

} // namespace

result<pattern> pattern::compile(std::string_view expression) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(limits::pattern_memory_bytes_max);
  auto compiled = std::make_shared<const re2::RE2>(piece(expression), options);
  if (!compiled->ok())
    return make_error(ec::bad_value,
                      quoted(expression) + " is not a regular expression: " + compiled->error());
  return pattern{std::move(compiled)};
}

bool pattern::is_found_in(std::string_view text) const {
  return RE2::PartialMatch(piece(text), *compiled_);
}

bool pattern::matches(std::string_view text) const {
  return RE2::FullMatch(piece(text), *compiled_);
}

} // namespace flow
