// Rows as text.
#pragma once

#include <string>

#include "flows/partition.hpp"

namespace flow::test {

/// A row as text, to compare two replays.
inline std::string text_of(const row_change& change) {
  struct writer {
    std::string of(const call_record& c) const {
      return to_string(c.id) + ' ' + to_string(c.root) + ' ' + to_string(c.parent) + ' '
             + c.args.positional + ' ' + c.args.keyword + ' ' + std::to_string(c.queued_ms) + ' '
             + std::to_string(c.due_ms) + ' ' + std::to_string(c.generation) + ' '
             + std::to_string(c.priority) + ' ' + c.more().edge + ' ' + c.more().argument + ' '
             + c.more().key + ' ' + c.more().join_key + ' ' + std::to_string(c.more().expires_ms);
    }
    std::string operator()(const put_call& r) const { return "call " + of(*r.call); }
    std::string operator()(const put_progress& r) const {
      return "progress " + to_string(r.id) + ' ' + std::to_string(r.progress.attempts) + ' '
             + std::to_string(r.progress.deaths) + ' ' + std::to_string(r.progress.due_ms)
             + (r.progress.is_spent ? " spent" : "");
    }
    std::string operator()(const erase_call& r) const {
      return "erase " + to_string(r.id) + (r.has_progress ? " with progress" : "");
    }
    std::string operator()(const put_ended& r) const {
      return "ended " + of(*r.ended->call) + ' ' + std::string{to_string(r.ended->state)} + ' '
             + std::to_string(r.ended->attempts) + ' ' + r.ended->result.cbor + ' '
             + std::to_string(r.ended->taken_ms) + ' ' + std::to_string(r.ended->started_ms) + ' '
             + std::to_string(r.ended->ended_ms);
    }
    std::string operator()(const erase_ended& r) const {
      return "revive " + to_string(r.ended->call->id);
    }
    std::string operator()(const put_child& r) const {
      return "child " + to_string(r.parent) + ' ' + to_string(r.child);
    }
    std::string operator()(const erase_child& r) const {
      return "no child " + to_string(r.parent) + ' ' + to_string(r.child);
    }
    std::string operator()(const put_key& r) const { return "key " + r.key + to_string(r.id); }
  };
  return std::visit(writer{}, change);
}

} // namespace flow::test
