#define CAF_SUITE flows.ids

#include <set>
#include <unordered_set>

#include "flows/ids.hpp"
#include "flows/limits.hpp"
#include "random_bytes.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;

CAF_TEST(an id holds its time and its partition) {
  auto id = make_call_id(1'700'000'000'123, partition_id{0xabcdef}, ~uint64_t{0});
  CAF_CHECK_EQUAL(id.time_ms(), 1'700'000'000'123u);
  CAF_CHECK(id.partition() == partition_id{0xabcdef});
  auto last = make_call_id((uint64_t{1} << 48) - 1, partition_id{limits::partitions_max - 1}, 0);
  CAF_CHECK_EQUAL(last.time_ms(), (uint64_t{1} << 48) - 1);
  CAF_CHECK(last.partition() == partition_id{limits::partitions_max - 1});
}

CAF_TEST(an id is a UUID of version 7 whatever the entropy) {
  for (uint64_t entropy : {uint64_t{0}, ~uint64_t{0}, uint64_t{0x123456789abcdef0}}) {
    auto text = to_string(make_call_id(1'700'000'000'000, partition_id{7}, entropy));
    CAF_REQUIRE_EQUAL(text.size(), 36u);
    CAF_CHECK_EQUAL(text[14], '7');
    CAF_CHECK(std::string{"89ab"}.find(text[19]) != std::string::npos);
  }
}

CAF_TEST(fifty bits of entropy each make another id and the rest none) {
  auto plain = make_call_id(5, partition_id{1}, 0);
  std::set<call_id> ids{plain};
  for (int bit = 0; bit < 50; ++bit)
    ids.insert(make_call_id(5, partition_id{1}, uint64_t{1} << bit));
  CAF_CHECK_EQUAL(ids.size(), 51u);
  for (int bit = 50; bit < 64; ++bit)
    CAF_CHECK(make_call_id(5, partition_id{1}, uint64_t{1} << bit) == plain);
}

CAF_TEST(ids sort by time and so does their text) {
  auto early = make_call_id(1'000, partition_id{9}, ~uint64_t{0});
  auto late = make_call_id(1'001, partition_id{0}, 0);
  CAF_CHECK(early < late);
  CAF_CHECK(to_string(early) < to_string(late));
}

CAF_TEST(text and bytes read back) {
  test::random_engine random{test::seed_of("flows.ids")};
  for (int round = 0; round < 1'000; ++round) {
    auto id = make_call_id(random() >> 16, partition_id{static_cast<uint32_t>(random() >> 40)},
                           random());
    auto text = to_string(id);
    CAF_REQUIRE(parse_call_id(text).value() == id);
    for (auto& c : text)
      c = static_cast<char>(std::toupper(c));
    CAF_REQUIRE(parse_call_id(text).value() == id);
    CAF_REQUIRE(call_id_of_bytes(id.view()).value() == id);
  }
}

CAF_TEST(text that is no id is refused with what one looks like) {
  std::string good = "01890a5d-ac96-774b-bcce-b302099a8057";
  CAF_REQUIRE(parse_call_id(good).has_value());
  for (std::string bad :
       {std::string{}, good.substr(1), good + "0", std::string(36, '0'), std::string(36, '-'),
        "g" + good.substr(1), "{" + good.substr(1), good.substr(0, 8) + "0" + good.substr(9)}) {
    auto parsed = parse_call_id(bad);
    CAF_REQUIRE(!parsed);
    CAF_CHECK(parsed.error().code == ec::bad_call_id);
    CAF_CHECK(!parsed.error().hint.empty());
  }
  CAF_CHECK(call_id_of_bytes("short").error().code == ec::bad_call_id);
  CAF_CHECK(call_id_of_bytes(std::string(17, 'x')).error().code == ec::bad_call_id);
}

CAF_TEST(the zero id stands for none) {
  CAF_CHECK(!call_id{});
  CAF_CHECK(bool{make_call_id(0, partition_id{0}, 0)}); // the version bits are always set
}

CAF_TEST(derived ids repeat for the same inputs and differ for any other) {
  auto parent = make_call_id(1'700'000'000'000, partition_id{3}, 42);
  auto other = make_call_id(1'700'000'000'000, partition_id{3}, 43);
  auto child = derive_call_id(parent, "plug:a", 0, partition_id{8});
  CAF_CHECK(child == derive_call_id(parent, "plug:a", 0, partition_id{8}));
  CAF_CHECK(child != derive_call_id(other, "plug:a", 0, partition_id{8}));
  CAF_CHECK(child != derive_call_id(parent, "plug:b", 0, partition_id{8}));
  CAF_CHECK(child != derive_call_id(parent, "plug:a", 1, partition_id{8}));
  CAF_CHECK(child.partition() == partition_id{8});
  CAF_CHECK_EQUAL(child.time_ms(), parent.time_ms());
}

CAF_TEST(derived ids of many edges and lives do not meet) {
  auto parent = make_call_id(1'700'000'000'000, partition_id{3}, 42);
  std::unordered_set<call_id> ids;
  for (uint32_t life = 0; life < 20; ++life)
    for (int edge = 0; edge < 5'000; ++edge)
      ids.insert(derive_call_id(parent, "edge" + std::to_string(edge), life, partition_id{1}));
  CAF_CHECK_EQUAL(ids.size(), 100'000u);
}

CAF_TEST(the hash is the same on every machine) {
  // Stored rows hold derived ids: these numbers never change.
  CAF_CHECK_EQUAL(stable_hash(""), stable_hash("", 0));
  CAF_CHECK(stable_hash("a") != stable_hash("b"));
  CAF_CHECK(stable_hash("a", 1) != stable_hash("a", 2));
  CAF_CHECK_EQUAL(stable_hash(""), 0xe220a8397b1dcdafull);
  CAF_CHECK_EQUAL(stable_hash("millrace"), 0x1a61b87bd2baa36bull);
  CAF_CHECK_EQUAL(stable_hash("millrace", 7), 0x31c9dd258b7c6f06ull);
  CAF_CHECK_EQUAL(stable_hash("millrace turns"), 0xf6e6f990655c3945ull);
}
