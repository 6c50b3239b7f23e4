// Who may do what at the API port: tokens, principals, rights.
#pragma once

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "flows/error.hpp"
#include "flows/value.hpp"
#include "flows/wire.hpp"

namespace flow::nodes {

/// Someone who has shown a token.
struct principal {
  std::string user;
  std::set<std::string, std::less<>> rights;  ///< "RUN_TASK"; "ALL" holds every right
  std::set<std::string, std::less<>> revoked; ///< beats what is granted

  bool may(std::string_view right) const;
};

/// Which tokens open the port. Holds their SHA-256 only; immutable once it is shared.
class access {
public:
  /// `token` opens the port for `who` from now on.
  void grant(std::string_view token, principal who);
  /// Null for a token that opens nothing. Takes the same time for every token of one length.
  std::shared_ptr<const principal> find(std::string_view token) const;

private:
  struct entry {
    std::string token_hash;
    std::shared_ptr<const principal> who;
  };
  std::vector<entry> entries_;
};

/// The access of a data directory: the user `admin` with all rights, whose token is in
/// `DIR/admin.token`, made at the first start (mode 0600, synced). `not_allowed` if others may read
/// that file, `bad_config` if it holds no token.
result<access> open_access(const std::filesystem::path& data_directory);

/// The right that a verb of docs/api.md needs; `unknown_command` for a verb that is not in its
/// table.
result<std::string> right_of_verb(std::string_view verb, const value& params);
/// The rights of the other messages.
inline constexpr std::string_view right_to_call = "RUN_TASK";
inline constexpr std::string_view right_to_wait = "READ_CALL";
/// `bad_value` for a channel that does not exist.
result<std::string> right_of_channel(std::string_view channel);

/// `not_allowed` naming the user and the right.
result<void> check_right(const principal& who, std::string_view right);

} // namespace flow::nodes
