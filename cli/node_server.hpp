// The node through the client library.
#pragma once

#include "cli/server.hpp"

namespace flow::cli {

/// Connects now. Errors as flow::client::connect.
result<std::unique_ptr<server>> connect_node(const connection_options& options);

} // namespace flow::cli
