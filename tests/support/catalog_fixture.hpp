// A catalog that is changed as the engine does it: plan, encode, apply.
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "flows/catalog.hpp"

namespace flow::test {

inline value json(std::string_view text) {
  auto read = value_of_json(text);
  return read ? *read : throw std::logic_error("bad JSON in a test: " + to_string(read.error()));
}

inline signature function(std::string name, std::initializer_list<const char*> parameters = {}) {
  signature sig;
  sig.function = std::move(name);
  for (const auto* each : parameters) {
    parameter p;
    std::string text = each;
    if (text.starts_with("**")) {
      p.kind = parameter_kind::var_keyword;
      text.erase(0, 2);
    } else if (text.starts_with("*")) {
      p.kind = parameter_kind::var_positional;
      text.erase(0, 1);
    }
    p.name = text;
    sig.parameters.push_back(std::move(p));
  }
  return sig;
}

struct catalog_fixture {
  catalog all;
  change_author author{"ann", 1'700'000'000'000};
  change_set last; ///< what the latest step that worked came to

  /// Plans and applies; `none`, or why it was refused.
  ec run(result<change_set> planned) {
    why = {};
    if (!planned) {
      why = planned.error();
      return why.code;
    }
    last = std::move(*planned);
    ++author.now_ms;
    auto applied = all.apply(last);
    if (!applied) why = applied.error();
    return why.code;
  }
  ec add(object_kind kind, std::string_view name, std::string_view spec, bool exist_ok = false,
         const object_labels& labels = {}) {
    return run(all.plan_add(kind, name, json(spec), labels, author, exist_ok));
  }
  ec update(object_kind kind, std::string_view name, std::string_view changes,
            const std::optional<object_labels>& labels = {}) {
    return run(all.plan_update(kind, name, json(changes), labels, author));
  }
  ec remove(object_kind kind, const std::vector<std::string>& names, bool cascade = false) {
    return run(all.plan_delete(kind, names, cascade, author));
  }
  ec found(std::string_view processor, std::vector<signature> functions,
           std::string commit = std::string(40, 'a')) {
    auto it = all.find(object_kind::processor, processor);
    return run(all.plan_found(
        processor, {it->code.wanted_revision, std::move(commit), std::move(functions)}, author));
  }
  bool has(object_kind kind, std::string_view name) const {
    return all.find(kind, name) != nullptr;
  }
  const object& at(object_kind kind, std::string_view name) const {
    auto it = all.find(kind, name);
    return it ? *it : throw std::logic_error("no " + named(kind, name));
  }
  bool why_says(std::string_view part) const {
    return why.text.find(part) != std::string::npos || why.hint.find(part) != std::string::npos;
  }

  error why; ///< of the latest step

  /// Processor `p` of module `shop` without auto sockets, queue `q`.
  void shop(std::string_view sockets = "none") {
    add(object_kind::queue, "q", "{}");
    add(object_kind::processor, "p",
        R"({"repository":"https://example.org/shop.git","module":"shop","sockets":")"
            + std::string{sockets} + "\"}");
  }
  void socket(const std::string& name, const std::string& task) {
    add(object_kind::socket, name, R"({"processor":"p","task":")" + task + R"(","queue":"q"})");
  }
  ec plug(const std::string& name, const std::string& from, const std::string& to,
          const std::string& more = "") {
    return add(object_kind::plug, name,
               R"({"source":")" + from + R"(","target":")" + to + "\"" + more + "}");
  }
};

/// The same catalog, read back from the bytes of its rows.
inline result<catalog> reloaded(const catalog& from) {
  catalog copy;
  auto head = decode_head(encode_head(from.head()));
  if (!head) return head.error();
  copy.restore(*head);
  for (auto kind : stored_kinds()) {
    for (const auto& it : from.list(kind)) {
      auto row = decode_object(encode_object(*it));
      if (!row) return row.error();
      if (auto ok = copy.restore(std::move(*row)); !ok) return ok.error();
    }
  }
  return copy;
}

} // namespace flow::test
