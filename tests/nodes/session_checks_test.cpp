#define CAF_SUITE nodes.session_checks

#include "nodes/session_checks.hpp"

#include "flows/limits.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::nodes;

namespace {

constexpr uint64_t now_ms = 1'700'000'000'000;
constexpr uint64_t day_ms = 24ull * 3'600'000;

wire::submit fair() {
  wire::submit m;
  m.time_ms = now_ms;
  m.socket = "shop.price";
  return m;
}

ec code_of(wire::submit m) {
  auto checked = check_submit(m, now_ms);
  return checked ? ec::none : checked.error().code;
}

} // namespace

CAF_TEST(an ordinary call passes and keeps its arguments) {
  auto m = fair();
  m.args.positional = "\x81\x01";
  CAF_CHECK(check_submit(m, now_ms).has_value());
  CAF_CHECK_EQUAL(m.args.positional, "\x81\x01");
}

CAF_TEST(a time within a day passes and a repeat has two) {
  auto m = fair();
  for (auto apart_ms : {day_ms, uint64_t{0}}) {
    m.time_ms = now_ms + apart_ms;
    CAF_CHECK(code_of(m) == ec::none);
    m.time_ms = now_ms - apart_ms;
    CAF_CHECK(code_of(m) == ec::none);
  }
  m.time_ms = now_ms - day_ms - 1;
  CAF_CHECK(code_of(m) == ec::bad_value);
  m.again = true; // accepted in time, and asked again later: still the same call
  CAF_CHECK(code_of(m) == ec::none);
  for (uint64_t silly : {uint64_t{0}, now_ms + 2 * day_ms + 1, UINT64_MAX}) {
    m.time_ms = silly;
    CAF_CHECK(code_of(m) == ec::bad_value);
  }
}

CAF_TEST(sizes numbers and texts out of range are refused) {
  auto m = fair();
  m.options.key.assign(limits::idempotency_key_bytes_max, 'k');
  CAF_CHECK(code_of(m) == ec::none);
  m.options.key += 'k';
  CAF_CHECK(code_of(m) == ec::bad_value);
  m = fair();
  m.options.trace.assign(limits::name_bytes_max + 1, 't');
  CAF_CHECK(code_of(m) == ec::bad_value);
  m = fair();
  m.options.argument = "\xc3";
  CAF_CHECK(code_of(m) == ec::bad_value);
  m = fair();
  m.options.delay_ms = UINT64_MAX;
  CAF_CHECK(code_of(m) == ec::bad_value);
  m = fair();
  m.options.expires_ms = limits::call_delay_ms_max + 1;
  CAF_CHECK(code_of(m) == ec::bad_value);
  m = fair();
  m.args.keyword = "\xa1\x01\x01";
  CAF_CHECK(code_of(m) == ec::bad_value);
  m = fair();
  m.args.positional.resize(limits::payload_bytes_max + 1);
  CAF_CHECK(code_of(m) == ec::payload_too_large);
}

CAF_TEST(an unknown socket is told with what may have been meant) {
  actors::routes routes;
  routes.by_name["shop.price"];
  auto near_miss = unknown_socket("shop.prise", routes, true);
  CAF_CHECK(near_miss.code == ec::unknown_socket);
  CAF_CHECK(near_miss.hint.find("shop.price") != std::string::npos);
  CAF_CHECK(unknown_socket("shop.prise", routes, false).hint.find("shop.price")
            == std::string::npos);
  CAF_CHECK(unknown_socket("\xff\n", routes, true).text.find('\n') == std::string::npos);
}
