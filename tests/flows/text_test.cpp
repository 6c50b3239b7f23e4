#define CAF_SUITE flows.text

#include "flows/limits.hpp"
#include "flows/text.hpp"
#include "random_bytes.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace std::string_literals;

namespace {

std::string refused_name(std::string_view name) {
  auto fits = check_name(name, "queue name");
  if (fits) return "accepted";
  CAF_CHECK(fits.error().code == ec::bad_name);
  return fits.error().text;
}

} // namespace

CAF_TEST(positions count lines and characters from one) {
  CAF_CHECK_EQUAL(position_in("", 0), "line 1, column 1");
  CAF_CHECK_EQUAL(position_in("äö\nü€x", 0), "line 1, column 1");
  CAF_CHECK_EQUAL(position_in("äö\nü€x", 4), "line 1, column 3");
  CAF_CHECK_EQUAL(position_in("äö\nü€x", 10), "line 2, column 3");
  CAF_CHECK_EQUAL(position_in("ab", 99), "line 1, column 3");
}

CAF_TEST(quoted text is one short line) {
  CAF_CHECK_EQUAL(quoted("a b"), "\"a b\"");
  CAF_CHECK_EQUAL(quoted("a\nb\x1b[31m"), "\"a\xef\xbf\xbd"
                                          "b\xef\xbf\xbd[31m\"");
  CAF_CHECK_EQUAL(quoted("\xff"), "\"\xef\xbf\xbd\"");
  auto cut = quoted(std::string(1'000, 'x'));
  CAF_CHECK(cut.size() < limits::error_excerpt_bytes_max + 10);
  CAF_CHECK(cut.ends_with("…\""));
}

// -- names --------------------------------------------------------------------

CAF_TEST(names are letters and digits of any script and a few signs) {
  for (std::string name : {"a"s, "pyfi.queue1"s, "pyfi.processors.sample.do_something"s,
                           "task:shop.price"s, "joe@example.com"s, "a-b_c+d"s, "_x"s, "9"s, "grün"s,
                           "队列"s, ".hidden"s, std::string(limits::name_bytes_max, 'n')})
    if (auto fits = check_name(name); !fits) CAF_FAIL(to_string(fits.error()));
}

CAF_TEST(other names are refused with the reason) {
  CAF_CHECK_EQUAL(refused_name(""), "queue name \"\" is empty");
  CAF_CHECK_EQUAL(refused_name("-n"), "queue name \"-n\" begins with a dash");
  CAF_CHECK_EQUAL(refused_name(".."), "queue name \"..\" has only dots");
  CAF_CHECK_EQUAL(refused_name("a b"), "queue name \"a b\" has a space");
  CAF_CHECK_EQUAL(refused_name("a/b"), "queue name \"a/b\" has the character '/'");
  CAF_CHECK_EQUAL(refused_name("a\xff"), "queue name \"a\xef\xbf\xbd\" is not UTF-8 at byte 1");
  CAF_CHECK_EQUAL(
      refused_name(std::string(201, 'n')).find(" has 201 bytes, at most 200 are allowed")
          != std::string::npos,
      true);
  for (char c : "\"'`\\*?,;=<>|&$()[]{}!#%^~"s)
    CAF_CHECK(refused_name(std::string{"a"} + c).find("has the character") != std::string::npos);
  for (auto invisible : {"a\n", "a\t", "\x7f", "a\xc2\xa0", "\xe2\x80\x8b",
                         "a\xe2\x80\xae"
                         "b",
                         "\xef\xbb\xbf"
                         "a",
                         "\xe3\x80\x80", "\xc2\x85", "\xf3\xa0\x80\x81"})
    CAF_CHECK(refused_name(invisible).find("invisible") != std::string::npos);
  CAF_CHECK(refused_name("a\0"s).find("invisible") != std::string::npos);
  for (auto broken : {"\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\x80"})
    CAF_CHECK(refused_name(broken).find("not UTF-8") != std::string::npos);
}

// -- did you mean -------------------------------------------------------------

CAF_TEST(edits are insertions and deletions and replacements and swaps) {
  CAF_CHECK_EQUAL(edit_distance("queue", "queue", 3), 0u);
  CAF_CHECK_EQUAL(edit_distance("QUEUE", "queue", 3), 0u);
  CAF_CHECK_EQUAL(edit_distance("queu", "queue", 3), 1u);
  CAF_CHECK_EQUAL(edit_distance("quueue", "queue", 3), 1u);
  CAF_CHECK_EQUAL(edit_distance("qieue", "queue", 3), 1u);
  CAF_CHECK_EQUAL(edit_distance("uqeue", "queue", 3), 1u);
  CAF_CHECK_EQUAL(edit_distance("uqeeu", "queue", 3), 2u);
  CAF_CHECK_EQUAL(edit_distance("", "abc", 3), 3u);
  CAF_CHECK_EQUAL(edit_distance("abc", "xyz", 3), 3u);
  CAF_CHECK_EQUAL(edit_distance("abc", "xyz", 2), 3u);
  CAF_CHECK_EQUAL(edit_distance("kitten", "sitting", 9), 3u);
  CAF_CHECK_EQUAL(edit_distance("", std::string(1'000'000, 'x'), 2), 3u);
}

CAF_TEST(the distance is that of the plain definition) {
  // The recursion of the definition, far too slow for anything but short words.
  struct slow {
    static size_t distance(std::string_view a, std::string_view b) {
      if (a.empty() || b.empty()) return a.size() + b.size();
      auto cut = [](std::string_view s, size_t n) { return s.substr(0, s.size() - n); };
      auto best = std::min({distance(cut(a, 1), b) + 1, distance(a, cut(b, 1)) + 1,
                            distance(cut(a, 1), cut(b, 1)) + (a.back() != b.back())});
      if (a.size() > 1 && b.size() > 1 && a.back() == b[b.size() - 2]
          && a[a.size() - 2] == b.back())
        best = std::min(best, distance(cut(a, 2), cut(b, 2)) + 1);
      return best;
    }
  };
  test::random_engine random{test::seed_of("flows.text")};
  for (int round = 0; round < 300; ++round) {
    auto word = [&] {
      std::string s(test::below(random, 6), 'a');
      for (auto& c : s)
        c = static_cast<char>('a' + test::below(random, 3));
      return s;
    };
    auto a = word();
    auto b = word();
    auto expected = slow::distance(a, b);
    CAF_REQUIRE_EQUAL(edit_distance(a, b, 9), expected);
    CAF_REQUIRE_EQUAL(edit_distance(a, b, 2), expected < 3 ? expected : size_t{3});
  }
}

CAF_TEST(the nearest candidates come first and strangers not at all) {
  std::vector<std::string> kinds{"queue",  "processor", "socket", "plug",
                                 "queues", "node",      "network"};
  CAF_CHECK_EQUAL(nearest("quueue", kinds), (std::vector<std::string>{"queue", "queues"}));
  CAF_CHECK_EQUAL(nearest("proc", kinds), (std::vector<std::string>{"processor"}));
  CAF_CHECK_EQUAL(nearest("nod", kinds), (std::vector<std::string>{"node"}));
  CAF_CHECK_EQUAL(nearest("socket", kinds), (std::vector<std::string>{"socket"}));
  CAF_CHECK(nearest("xylophone", kinds).empty());
  CAF_CHECK(nearest("", kinds).empty());
  CAF_CHECK(nearest("q", kinds).empty());
  CAF_CHECK_EQUAL(nearest("aaaa", {"aaab", "aaac", "aaad", "aaae", "aaab"}, 2),
                  (std::vector<std::string>{"aaab", "aaac"}));
}

CAF_TEST(the hint is a question) {
  CAF_CHECK_EQUAL(did_you_mean("shop.prise", {"shop.price"}), "did you mean \"shop.price\"?");
  CAF_CHECK_EQUAL(did_you_mean("aaaa", {"aaab", "aaac"}), "did you mean \"aaab\" or \"aaac\"?");
  CAF_CHECK_EQUAL(did_you_mean("aaaa", {"aaab", "aaac", "aaad"}),
                  "did you mean \"aaab\", \"aaac\" or \"aaad\"?");
  CAF_CHECK_EQUAL(did_you_mean("aaaa", {}), "");
}

// -- durations ----------------------------------------------------------------

CAF_TEST(durations read with their units) {
  struct row {
    std::string_view text;
    uint64_t ms;
  };
  for (auto [text, ms] : {row{"0", 0},
                          {"0s", 0},
                          {"200ms", 200},
                          {"1.5s", 1'500},
                          {"10s", 10'000},
                          {"5min", 300'000},
                          {"5m", 300'000},
                          {"2h", 7'200'000},
                          {"1d", 86'400'000},
                          {"2w", 1'209'600'000},
                          {"1h30min", 5'400'000},
                          {"1h 30min", 5'400'000},
                          {" 2 h ", 7'200'000},
                          {"0.001s", 1},
                          {".5s", 500},
                          {"1.25MIN", 75'000},
                          {"1min1.5s", 61'500},
                          {"0.5d", 43'200'000},
                          {"18446744073709551615ms", UINT64_MAX}}) {
    auto parsed = parse_duration_ms(text);
    if (!parsed) CAF_FAIL(to_string(parsed.error()));
    CAF_CHECK_EQUAL(*parsed, ms);
  }
}

CAF_TEST(what is no duration is refused) {
  for (auto text : {"",
                    " ",
                    "5",
                    "1.5",
                    "s",
                    "5x",
                    "5 s x",
                    "-5s",
                    "+5s",
                    "1..5s",
                    "1.s",
                    "1,5s",
                    "0.0001s",
                    "1.5ms",
                    "1e3s",
                    "five s",
                    "18446744073709551616ms",
                    "99999999999999999w",
                    "0x5s",
                    "∞"}) {
    auto parsed = parse_duration_ms(text);
    if (parsed) CAF_FAIL(text << " is " << *parsed);
    CAF_CHECK(parsed.error().code == ec::bad_value);
    CAF_CHECK(!parsed.error().hint.empty());
  }
}

CAF_TEST(durations are shown in the form that reads back) {
  CAF_CHECK_EQUAL(duration_text(0), "0s");
  CAF_CHECK_EQUAL(duration_text(200), "200ms");
  CAF_CHECK_EQUAL(duration_text(1'500), "1.5s");
  CAF_CHECK_EQUAL(duration_text(1'005), "1.005s");
  CAF_CHECK_EQUAL(duration_text(60'000), "1min");
  CAF_CHECK_EQUAL(duration_text(61'500), "1min1.5s");
  CAF_CHECK_EQUAL(duration_text(5'400'000), "1h30min");
  CAF_CHECK_EQUAL(duration_text(86'400'001), "1d0.001s");
  CAF_CHECK_EQUAL(duration_text(30ull * 86'400'000), "30d");
  test::random_engine random{test::seed_of("flows.text durations")};
  for (int round = 0; round < 10'000; ++round) {
    auto ms = random() >> test::below(random, 64);
    CAF_REQUIRE_EQUAL(parse_duration_ms(duration_text(ms)).value(), ms);
  }
}

// -- sizes --------------------------------------------------------------------

CAF_TEST(sizes read with their units) {
  struct row {
    std::string_view text;
    uint64_t bytes;
  };
  for (auto [text, bytes] : {row{"0", 0},
                             {"512", 512},
                             {"512B", 512},
                             {"64KiB", 65'536},
                             {"64k", 65'536},
                             {"64K", 65'536},
                             {"1.5 GiB", 1'610'612'736},
                             {"10MB", 10'000'000},
                             {"10mb", 10'000'000},
                             {"2g", 2ull << 30},
                             {"1TiB", 1ull << 40},
                             {"0.5KiB", 512},
                             {"18446744073709551615", UINT64_MAX}})
    CAF_CHECK_EQUAL(parse_bytes(text).value(), bytes);
  for (auto text : {"", "-1", "K", "1.5", "0.1KiB", "5 apples", "1K1", "17179869184GiB", "1e3"})
    CAF_CHECK(!parse_bytes(text).has_value());
}

CAF_TEST(sizes are shown for people) {
  CAF_CHECK_EQUAL(bytes_text(0), "0 B");
  CAF_CHECK_EQUAL(bytes_text(1'023), "1023 B");
  CAF_CHECK_EQUAL(bytes_text(1'024), "1 KiB");
  CAF_CHECK_EQUAL(bytes_text(1'536), "1.5 KiB");
  CAF_CHECK_EQUAL(bytes_text(64u << 20), "64 MiB");
  CAF_CHECK_EQUAL(bytes_text((1u << 20) - 1), "1023.9 KiB");
  CAF_CHECK_EQUAL(bytes_text(UINT64_MAX), "15.9 EiB");
}

// -- times --------------------------------------------------------------------

CAF_TEST(times read as RFC 3339 says) {
  struct row {
    std::string_view text;
    uint64_t ms;
  };
  for (auto [text, ms] : {row{"1970-01-01T00:00:00Z", 0},
                          {"1985-04-12T23:20:50.52Z", 482'196'050'520},
                          {"1996-12-19T16:39:57-08:00", 851'042'397'000},
                          {"1990-12-31T23:59:60Z", 662'688'000'000},
                          {"1937-01-01T12:00:27.87+00:20", 0},
                          {"2000-02-29t00:00:00z", 951'782'400'000},
                          {"2026-02-03 04:05:06.789Z", 1'770'091'506'789},
                          {"2026-02-03", 1'770'076'800'000},
                          {"1970-01-01T01:00:00.0019999+01:00", 1},
                          {"9999-12-31T23:59:59.999Z", 253'402'300'799'999}}) {
    auto parsed = parse_time_ms(text);
    if (text.starts_with("1937")) {
      CAF_CHECK(!parsed); // before the epoch
      continue;
    }
    if (!parsed) CAF_FAIL(to_string(parsed.error()));
    CAF_CHECK_EQUAL(*parsed, ms);
  }
}

CAF_TEST(what is no time is refused) {
  for (auto text : {"",
                    "2026",
                    "2026-02",
                    "2026-2-3",
                    "2026-13-01",
                    "2026-00-01",
                    "2026-02-29",
                    "2026-02-03T",
                    "2026-02-03T04:05Z",
                    "2026-02-03T24:00:00Z",
                    "2026-02-03T04:60:00Z",
                    "2026-02-03T04:05:61Z",
                    "2026-02-03T04:05:06",
                    "2026-02-03T04:05:06.Z",
                    "2026-02-03T04:05:06+1",
                    "2026-02-03T04:05:06+24:00",
                    "2026-02-03T04:05:06Zx",
                    "20260203T040506Z",
                    "1969-12-31T23:59:59Z",
                    "now"}) {
    auto parsed = parse_time_ms(text);
    if (parsed) CAF_FAIL(text << " is " << *parsed);
    CAF_CHECK(parsed.error().code == ec::bad_value);
  }
}

CAF_TEST(times are shown with milliseconds and read back) {
  CAF_CHECK_EQUAL(time_text(0), "1970-01-01T00:00:00.000Z");
  CAF_CHECK_EQUAL(time_text(1'770'091'506'789), "2026-02-03T04:05:06.789Z");
  CAF_CHECK_EQUAL(time_text(UINT64_MAX), "9999-12-31T23:59:59.999Z");
  test::random_engine random{test::seed_of("flows.text times")};
  for (int round = 0; round < 10'000; ++round) {
    auto ms = random() % 253'402'300'800'000;
    CAF_REQUIRE_EQUAL(parse_time_ms(time_text(ms)).value(), ms);
  }
}
