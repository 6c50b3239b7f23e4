#include "nodes/access.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>

#include "flows/cbor.hpp"
#include "flows/limits.hpp"
#include "flows/text.hpp"

namespace flow::nodes {

namespace {

constexpr size_t token_bytes = 32;

std::string sha256(std::string_view text) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> hash{};
  crypto_hash_sha256(hash.data(), reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

std::string random_token() {
  std::array<unsigned char, token_bytes> bytes{};
  randombytes_buf(bytes.data(), bytes.size());
  std::string hex(2 * bytes.size() + 1, '\0');
  sodium_bin2hex(hex.data(), hex.size(), bytes.data(), bytes.size());
  hex.pop_back();
  return hex;
}

// -- the token file -----------------------------------------------------------

class descriptor {
public:
  explicit descriptor(int fd) : fd_{fd} {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

private:
  int fd_;
};

error cannot(const char* what, const std::filesystem::path& path) {
  return make_error(ec::store_io, std::string{"cannot "} + what + " " + path.string() + ": "
                                      + std::strerror(errno));
}

/// Whole or not at all: a start that dies in between leaves no file, or a file with its token.
result<std::string> make_token_file(const std::filesystem::path& path) {
  auto token = random_token();
  auto draft = path;
  draft += ".new";
  ::unlink(draft.c_str());
  descriptor file{
      ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!file) return cannot("create", draft);
  auto line = token + "\n";
  if (::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())
      || ::fsync(file.get()) != 0)
    return cannot("write", draft);
  if (::rename(draft.c_str(), path.c_str()) != 0) return cannot("rename", draft);
  descriptor directory{::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!directory || ::fsync(directory.get()) != 0) return cannot("sync", path.parent_path());
  return token;
}

result<std::string> read_token_file(const std::filesystem::path& path) {
  descriptor file{::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)};
  if (!file) return cannot("open", path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return cannot("look at", path);
  if (!S_ISREG(status.st_mode) || (status.st_mode & 077) != 0)
    return make_error(ec::not_allowed, path.string() + " can be read by others",
                      "chmod 600 " + path.string());
  std::array<char, 4 * token_bytes> text{};
  auto got = ::read(file.get(), text.data(), text.size());
  if (got < 0) return cannot("read", path);
  std::string token{text.data(), static_cast<size_t>(got)};
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r'))
    token.pop_back();
  const bool hex
      = std::ranges::all_of(token, [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (token.size() != 2 * token_bytes || !hex)
    return make_error(ec::bad_config,
                      path.string() + " does not hold a token of 64 hexadecimal digits",
                      "remove it, and the next start makes a new one");
  return token;
}

// -- rights -------------------------------------------------------------------

/// What docs/api.md says; a right with <KIND> is completed from the verb's params.
const std::map<std::string_view, std::string_view>& rights_of_verbs() {
  static const std::map<std::string_view, std::string_view> table{
      {"object.add", "ADD_<KIND>"},
      {"object.update", "UPDATE_<KIND>"},
      {"object.delete", "DELETE_<KIND>"},
      {"object.list", "LS_<KIND>S"},
      {"object.show", "READ_<KIND>"},
      {"socket.resolve", "READ_SOCKET"},
      {"proc.start", "START_PROCESSOR"},
      {"proc.stop", "STOP_PROCESSOR"},
      {"proc.pause", "PAUSE_PROCESSOR"},
      {"proc.resume", "RESUME_PROCESSOR"},
      {"proc.restart", "RESTART_PROCESSOR"},
      {"proc.remove", "REMOVE_PROCESSOR"},
      {"proc.scale", "UPDATE_PROCESSOR"},
      {"task.code", "UPDATE_TASK"},
      {"call.list", "LS_CALLS"},
      {"join.list", "LS_CALLS"},
      {"call.show", "READ_CALL"},
      {"call.tree", "READ_CALL"},
      {"call.flow", "READ_CALL"},
      {"call.graph", "READ_CALL"},
      {"call.result", "READ_CALL"},
      {"call.logs", "READ_LOG"},
      {"call.why", "READ_CALL"},
      {"call.cancel", "CANCEL_TASK"},
      {"call.retry", "RUN_TASK"},
      {"dlq.list", "LS_CALLS"},
      {"dlq.replay", "RUN_TASK"},
      {"dlq.drop", "CANCEL_TASK"},
      {"queue.pause", "UPDATE_QUEUE"},
      {"queue.resume", "UPDATE_QUEUE"},
      {"queue.purge", "UPDATE_QUEUE"},
      {"node.status", "LS_NODES"},
      {"node.drain", "START_AGENT"},
  };
  return table;
}

/// Empty if there is none, or more than one: what is checked must be what is acted on.
std::string kind_of(const value& params) {
  cbor::reader r{params.cbor};
  auto pairs = r.map();
  std::string kind;
  size_t found = 0;
  for (uint64_t i = 0; i < pairs && !r.failed(); ++i) {
    const bool is_kind = r.text() == "kind";
    found += is_kind;
    if (is_kind && r.peek() == cbor::kind::text)
      kind = r.text();
    else
      r.skip();
  }
  if (found != 1) return {};
  for (auto& c : kind)
    c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return kind;
}

} // namespace

bool principal::may(std::string_view right) const {
  if (revoked.contains(right)) return false;
  return rights.contains(right) || rights.contains("ALL");
}

void access::grant(std::string_view token, principal who) {
  entries_.push_back({sha256(token), std::make_shared<const principal>(std::move(who))});
}

std::shared_ptr<const principal> access::find(std::string_view token) const {
  auto hash = sha256(token);
  std::shared_ptr<const principal> found;
  for (auto& one : entries_)
    if (sodium_memcmp(hash.data(), one.token_hash.data(), hash.size()) == 0) found = one.who;
  return found;
}

result<access> open_access(const std::filesystem::path& data_directory) {
  if (sodium_init() < 0) return make_error(ec::internal, "the cryptography library does not start");
  auto path = data_directory / "admin.token";
  auto token = ::access(path.c_str(), F_OK) == 0 ? read_token_file(path) : make_token_file(path);
  if (!token) return token.error();
  access all;
  all.grant(*token, principal{"admin", {"ALL"}, {}});
  return all;
}

result<std::string> right_of_verb(std::string_view verb, const value& params) {
  constexpr std::string_view placeholder = "<KIND>";
  auto& table = rights_of_verbs();
  auto at = table.find(verb);
  if (at == table.end()) {
    std::vector<std::string> known;
    for (auto& [name, right] : table)
      known.emplace_back(name);
    return make_error(ec::unknown_command, "no verb " + flow::quoted(verb),
                      did_you_mean(verb, known));
  }
  std::string right{at->second};
  auto hole = right.find(placeholder);
  if (hole == std::string::npos) return right;
  auto kind = kind_of(params);
  if (kind.empty()) return make_error(ec::bad_value, std::string{verb} + " needs one `kind`");
  return right.replace(hole, placeholder.size(), kind);
}

result<std::string> right_of_channel(std::string_view channel) {
  if (channel == "task" || channel == "result" || channel == "event")
    return std::string{"READ_CALL"};
  if (channel == "log") return std::string{"READ_LOG"};
  return make_error(ec::bad_value, "no channel " + flow::quoted(channel),
                    "channels are task, result, log and event");
}

result<void> check_right(const principal& who, std::string_view right) {
  if (who.may(right)) return {};
  return make_error(ec::not_allowed, who.user + " has no right " + std::string{right},
                    "ask an administrator for the right " + std::string{right});
}

} // namespace flow::nodes
