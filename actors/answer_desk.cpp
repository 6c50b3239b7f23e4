#include "actors/answer_desk.hpp"

#include "storage/codec.hpp"

namespace flow::actors {

namespace {

wire::ended ended_message(uint64_t seq, const ended_call& ended) {
  return {seq, ended.call->id, ended.state, ended.result, ended.why, ended.attempts};
}

} // namespace

void answer_desk::answer(uint64_t session, wire::node_message message) {
  outputs_[session].messages.push_back(std::move(message));
}

void answer_desk::tell_end(const ended_call& ended) {
  auto found = waiting_.find(ended.call->id);
  if (found == waiting_.end()) return;
  for (const auto& who : found->second)
    answer(who.session, ended_message(who.seq, ended));
  waiting_.erase(found);
}

void answer_desk::tell_end_from_history(const storage::store& store, const call_id& id, asker who) {
  auto ended = storage::read_ended(store, id);
  if (!ended)
    answer(who.session, wire::refused{who.seq, ended.error()});
  else if (!*ended)
    answer(who.session,
           wire::refused{who.seq, make_error(ec::unknown_call, "no call " + to_string(id),
                                             "it may be older than history is kept")});
  else
    answer(who.session, ended_message(who.seq, **ended));
}

} // namespace flow::actors
