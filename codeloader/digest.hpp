// SHA-256, for names of directories that depend on what is in them.
#pragma once

#include <string>
#include <string_view>

namespace flow::codeloader {

/// 64 lower-case hex digits.
std::string sha256_hex(std::string_view bytes);

} // namespace flow::codeloader
