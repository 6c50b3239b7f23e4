#define CAF_SUITE nodes.access

#include "nodes/access.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "flows/cbor.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::nodes;

namespace {

struct fixture {
  std::filesystem::path directory;

  fixture() {
    auto pattern = (std::filesystem::temp_directory_path() / "millrace-access-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
  }
  ~fixture() { std::filesystem::remove_all(directory); }

  std::filesystem::path token_file() const { return directory / "admin.token"; }
  std::string token() const {
    std::ifstream file{token_file()};
    std::string line;
    std::getline(file, line);
    return line;
  }
  void write_token(const std::string& text, mode_t mode) {
    std::ofstream{token_file()} << text;
    ::chmod(token_file().c_str(), mode);
  }
};

value params_with_kind(const std::string& kind) {
  value params;
  params.cbor.clear();
  cbor::writer{params.cbor}.map(2).text("name").text("n").text("kind").text(kind);
  return params;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(access_tests, fixture)

CAF_TEST(the first start makes a random token that only its owner can read) {
  auto first = open_access(directory);
  CAF_REQUIRE(first.has_value());
  struct stat status {};
  CAF_REQUIRE(::stat(token_file().c_str(), &status) == 0);
  CAF_CHECK_EQUAL(status.st_mode & 0777, 0600u);
  CAF_CHECK_EQUAL(token().size(), 64u);
  auto who = first->find(token());
  CAF_REQUIRE(who != nullptr);
  CAF_CHECK_EQUAL(who->user, "admin");
  CAF_CHECK(who->may("ANYTHING"));
  auto other = directory / "other";
  std::filesystem::create_directory(other);
  auto before = token();
  CAF_REQUIRE(open_access(other).has_value());
  std::ifstream second{other / "admin.token"};
  std::string line;
  std::getline(second, line);
  CAF_CHECK(line != before);
}

CAF_TEST(later starts keep the token) {
  CAF_REQUIRE(open_access(directory).has_value());
  auto made = token();
  auto again = open_access(directory);
  CAF_REQUIRE(again.has_value());
  CAF_CHECK_EQUAL(token(), made);
  CAF_CHECK(again->find(made) != nullptr);
}

CAF_TEST(only the exact token opens) {
  auto all = open_access(directory);
  CAF_REQUIRE(all.has_value());
  auto right = token();
  CAF_CHECK(all->find("") == nullptr);
  CAF_CHECK(all->find(right.substr(1)) == nullptr);
  CAF_CHECK(all->find(right + "0") == nullptr);
  CAF_CHECK(all->find(right + "\n") == nullptr);
  for (size_t i = 0; i < right.size(); ++i) {
    auto wrong = right;
    wrong[i] = wrong[i] == 'a' ? 'b' : 'a';
    CAF_CHECK(all->find(wrong) == nullptr);
  }
}

CAF_TEST(a token file that others can read or that holds no token is refused) {
  write_token(std::string(64, 'a') + "\n", 0640);
  auto open = open_access(directory);
  CAF_REQUIRE(!open);
  CAF_CHECK(open.error().code == ec::not_allowed);
  CAF_CHECK(open.error().hint.find("chmod 600") != std::string::npos);
  for (auto* text : {"", "short\n", "zz"}) {
    write_token(text, 0600);
    auto bad = open_access(directory);
    CAF_REQUIRE(!bad);
    CAF_CHECK(bad.error().code == ec::bad_config);
  }
  write_token(std::string(64, 'z'), 0600);
  CAF_CHECK(!open_access(directory));
  write_token(std::string(64, 'a'), 0600);
  CAF_CHECK(open_access(directory).has_value());
}

CAF_TEST(a link in place of the token file is refused) {
  auto target = directory / "target";
  std::ofstream{target} << std::string(64, 'a');
  ::chmod(target.c_str(), 0600);
  std::filesystem::create_symlink(target, token_file());
  CAF_CHECK(!open_access(directory));
}

CAF_TEST(rights are granted one by one and revoked beats granted) {
  principal reader{"rita", {"READ_CALL"}, {}};
  CAF_CHECK(reader.may("READ_CALL"));
  CAF_CHECK(!reader.may("RUN_TASK"));
  CAF_CHECK(!reader.may("ALL"));
  principal careful{"carl", {"ALL"}, {"DELETE_QUEUE"}};
  CAF_CHECK(careful.may("DELETE_SOCKET"));
  CAF_CHECK(!careful.may("DELETE_QUEUE"));
  auto refused = check_right(reader, "RUN_TASK");
  CAF_REQUIRE(!refused);
  CAF_CHECK(refused.error().code == ec::not_allowed);
  CAF_CHECK(refused.error().text.find("rita") != std::string::npos);
  CAF_CHECK(refused.error().text.find("RUN_TASK") != std::string::npos);
}

CAF_TEST(every verb names its right and kinds complete it) {
  CAF_CHECK_EQUAL(*right_of_verb("object.add", params_with_kind("processor")), "ADD_PROCESSOR");
  CAF_CHECK_EQUAL(*right_of_verb("object.list", params_with_kind("queue")), "LS_QUEUES");
  CAF_CHECK_EQUAL(*right_of_verb("object.delete", params_with_kind("user")), "DELETE_USER");
  CAF_CHECK_EQUAL(*right_of_verb("call.cancel", value{"\xa0"}), "CANCEL_TASK");
  CAF_CHECK_EQUAL(*right_of_verb("proc.pause", value{"\xa0"}), "PAUSE_PROCESSOR");
  auto no_kind = right_of_verb("object.add", value{"\xa0"});
  CAF_REQUIRE(!no_kind);
  CAF_CHECK(no_kind.error().code == ec::bad_value);
  auto unknown = right_of_verb("object.ad", value{"\xa0"});
  CAF_REQUIRE(!unknown);
  CAF_CHECK(unknown.error().code == ec::unknown_command);
  CAF_CHECK(unknown.error().hint.find("object.add") != std::string::npos);
  CAF_CHECK_EQUAL(*right_of_channel("log"), "READ_LOG");
  CAF_CHECK(!right_of_channel("logs"));
}

CAF_TEST(two kinds in one map are refused so that none is checked and the other read) {
  value twice;
  twice.cbor.clear();
  cbor::writer{twice.cbor}.map(2).text("kind").text("queue").text("kind").text("user");
  CAF_CHECK(!right_of_verb("object.list", twice));
}

CAF_TEST_FIXTURE_SCOPE_END()
