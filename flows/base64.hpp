// Base64 with padding (RFC 4648 section 4), the way bytes are shown in JSON.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace flow {

std::string base64_text(std::string_view bytes);

/// Nothing unless `text` is exactly what `base64_text` writes: no blanks, padding complete, no
/// stray bits.
std::optional<std::string> bytes_of_base64(std::string_view text);

} // namespace flow
