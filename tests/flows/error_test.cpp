#define CAF_SUITE flows.error

#include <algorithm>
#include <set>

#include "flows/error.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;

CAF_TEST(the table is sorted and says everything once) {
  const auto& table = all_error_codes();
  CAF_REQUIRE(table.size() > 50);
  CAF_CHECK(std::ranges::is_sorted(table, std::less_equal{}, &ec_info::code));
  std::set<ec> codes;
  std::set<std::string_view> names;
  std::set<std::string_view> sentences;
  for (const auto& row : table) {
    CAF_CHECK(codes.insert(row.code).second);
    CAF_CHECK(names.insert(row.name).second);
    CAF_CHECK(sentences.insert(row.sentence).second);
  }
}

CAF_TEST(names are snake case and sentences are for people) {
  for (const auto& row : all_error_codes()) {
    CAF_MESSAGE(std::string{row.name});
    CAF_CHECK(row.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos);
    CAF_CHECK(row.sentence.size() > 15);
    CAF_CHECK(!row.sentence.ends_with('.'));
    CAF_CHECK(row.sentence.front() >= 'a' && row.sentence.front() <= 'z');
  }
}

CAF_TEST(every code has an exit code of the command line) {
  for (const auto& row : all_error_codes()) {
    auto hundreds = static_cast<int>(row.code) / 100;
    CAF_CHECK(hundreds >= 1 && hundreds <= 9);
    // 1 is kept for a call that failed, 2 for wrong usage.
    auto expected = hundreds == 1 ? 2 : hundreds == 2 ? 1 : hundreds;
    CAF_CHECK_EQUAL(exit_code(row.code), expected);
  }
  CAF_CHECK_EQUAL(exit_code(ec::none), 0);
}

CAF_TEST(codes are published as F and four digits) {
  CAF_CHECK_EQUAL(code_text(ec::bad_usage), "F0101");
  CAF_CHECK_EQUAL(code_text(ec::unknown_socket), "F0301");
  CAF_CHECK_EQUAL(code_text(ec::internal), "F0901");
}

CAF_TEST(a number that is no code is described as internal) {
  CAF_CHECK(describe(static_cast<ec>(999)).code == ec::internal);
  CAF_CHECK(describe(ec::none).code == ec::internal);
  CAF_CHECK_EQUAL(describe(ec::queue_full).name, "queue_full");
}

CAF_TEST(only what may pass by itself is retryable) {
  CAF_CHECK(is_retryable(ec::no_server));
  CAF_CHECK(is_retryable(ec::queue_full));
  CAF_CHECK(is_retryable(ec::outcome_unknown));
  for (const auto& row : all_error_codes())
    if (auto exit = exit_code(row.code); exit >= 1 && exit <= 5) CAF_CHECK(!is_retryable(row.code));
}

CAF_TEST(an error shows its code and its text and its hint) {
  CAF_CHECK_EQUAL(to_string(make_error(ec::unknown_socket, "no socket \"shop.prise\"",
                                       "did you mean \"shop.price\"?")),
                  "error[F0301]: no socket \"shop.prise\"\n  hint: did you mean \"shop.price\"?");
  CAF_CHECK_EQUAL(to_string(make_error(ec::queue_full, "")),
                  "error[F0702]: the queue is at its limit");
}

CAF_TEST(a result that is read without a check says which error was not checked) {
  result<int> failed = make_error(ec::port_taken, "127.0.0.1:7717 is in use");
  std::string what;
  try {
    (void)failed.value();
  } catch (const std::exception& e) {
    what = e.what();
  }
  CAF_CHECK(what.find("F0506") != std::string::npos);
  CAF_CHECK(what.find("127.0.0.1:7717") != std::string::npos);
}
