// Which repositories may be fetched: the allow and deny lists, applied to a parsed address. Pure.
#pragma once

#include <string_view>

#include "codeloader/loader.hpp"
#include "codeloader/repository_url.hpp"

namespace flow::codeloader {

struct admitted_repository {
  repository_url url;
  /// An allow pattern names this host itself, so that it may resolve to a private or loopback
  /// address.
  bool may_be_private = false;
};

/// `bad_repository_url`, `repository_not_allowed`, or `bad_config` when a pattern of the lists
/// cannot be read.
result<admitted_repository> admit_repository(std::string_view url, const repository_policy& policy);

/// `bad_config` naming the first pattern that cannot be read.
result<void> check_policy(const repository_policy& policy);

} // namespace flow::codeloader
