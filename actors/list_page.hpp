// What every list verb is asked besides its kind: how many rows, from where on, and which.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "flows/limits.hpp"
#include "flows/params.hpp"

namespace flow::actors {

struct list_page {
  uint64_t limit = limits::list_items_default;
  std::string cursor; ///< "next" of the page before; empty: the first
  std::string filter; ///< for `row_filter::parse`

  /// A limit above the largest is the largest; `bad_value` for none at all.
  static result<list_page> read(params& given) {
    list_page page;
    page.limit
        = std::min<uint64_t>(given.unsigned_integer("limit", page.limit), limits::list_items_max);
    page.cursor = given.text("cursor");
    page.filter = given.text("filter");
    if (auto fine = given.check(); !fine) return fine.error();
    if (page.limit == 0)
      return make_error(ec::bad_value, "limit is 0: a page holds at least one item",
                        "give a limit from 1 to " + std::to_string(limits::list_items_max));
    return page;
  }
};

} // namespace flow::actors
