// What a session refuses by looking at a message alone.
#pragma once

#include <cstdint>
#include <string>

#include "actors/directory.hpp"
#include "flows/error.hpp"
#include "flows/wire.hpp"

namespace flow::nodes {

/// `payload_too_large`, or `bad_value` for arguments that are no values, texts that are no text,
/// numbers and times that are out of range.
result<void> check_submit(wire::submit& m, uint64_t now_ms);

/// `unknown_socket`; with the names that may have been meant, if a look at all of them is worth it.
error unknown_socket(const std::string& socket, const actors::routes& known, bool with_hint);

} // namespace flow::nodes
