// A tree of calls drawn with box characters.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "cli/table.hpp"

namespace flow::cli {

/// `tree` is {"call": {...}, "children": [tree...]}: one line a call, with what it gave, how long
/// it took and where.
std::string draw_call_tree(const nlohmann::json& tree, const table_style& style);

} // namespace flow::cli
