#include "nodes/rest_answer.hpp"

#include "flows/cbor.hpp"

namespace flow::nodes {

value built(const std::function<void(cbor::writer&)>& write) {
  value v;
  v.cbor.clear();
  cbor::writer w{v.cbor};
  write(w);
  return v;
}

rest_answer json_answer(unsigned status, const value& v) {
  return {status, "application/json", to_json_text(v) + "\n", {}, {}};
}

unsigned http_status(ec code) {
  switch (code) {
  case ec::payload_too_large:
    return 413;
  case ec::result_gone:
    return 410;
  case ec::not_logged_in:
    return 401;
  case ec::queue_full:
  case ec::too_busy:
    return 429;
  case ec::store_full:
    return 507;
  default:
    break;
  }
  switch (static_cast<int>(code) / 100) { // the group of the code
  case 1:
    return 400;
  case 2:
    return 422;
  case 3:
    return 404;
  case 4:
    return 403;
  case 5:
    return 409;
  case 6:
    return 504;
  case 7:
    return 503;
  default:
    return 500;
  }
}

rest_answer problem(const error& why) {
  return problem(http_status(why.code), why);
}

rest_answer problem(unsigned status, const error& why) {
  auto& info = describe(why.code);
  auto answer = json_answer(status, built([&](cbor::writer& w) {
                              w.map(6)
                                  .text("status")
                                  .unsigned_integer(status)
                                  .text("title")
                                  .text(info.sentence)
                                  .text("detail")
                                  .text(why.text);
                              w.text("code")
                                  .text(code_text(why.code))
                                  .text("hint")
                                  .text(why.hint)
                                  .text("retryable")
                                  .boolean(is_retryable(why.code));
                            }));
  answer.content_type = "application/problem+json";
  return answer;
}

rest_answer health_page(const std::vector<std::string>& problems) {
  return json_answer(
      problems.empty() ? 200 : 503, built([&problems](cbor::writer& w) {
        w.map(problems.empty() ? 1 : 2).text("status").text(problems.empty() ? "green" : "red");
        if (problems.empty()) return;
        w.text("problems").array(problems.size());
        for (auto& one : problems)
          w.text(one);
      }));
}

} // namespace flow::nodes
