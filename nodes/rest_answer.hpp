// What REST answers: JSON, problems, health.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "flows/error.hpp"
#include "flows/value.hpp"

namespace flow::cbor {
class writer;
}

namespace flow::nodes {

struct rest_answer {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string location; ///< header Location; empty: none
  std::string allow;    ///< header Allow; empty: none
};

/// `application/problem+json` (RFC 9457) with the status that fits the code.
rest_answer problem(const error& why);
rest_answer problem(unsigned status, const error& why);
unsigned http_status(ec code);

/// 200 green, or 503 red with what is wrong.
rest_answer health_page(const std::vector<std::string>& problems);

/// `v` as JSON and a line end.
rest_answer json_answer(unsigned status, const value& v);

/// The one item that `write` writes.
value built(const std::function<void(cbor::writer&)>& write);

} // namespace flow::nodes
