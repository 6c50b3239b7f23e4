#include "flows/client_ledger.hpp"

#include <algorithm>

#include "flows/limits.hpp"

namespace flow {

namespace {

template <class... Functions>
struct overloaded : Functions... {
  using Functions::operator()...;
};

/// What a submit weighs beside its arguments, roughly.
constexpr size_t submit_bytes_min = 256;

call_outcome outcome_of(wire::ended&& m) {
  return {m.id, m.state, std::move(m.result), std::move(m.why), m.attempts};
}

} // namespace

void answer::deliver() {
  std::visit(
      [](auto& it) {
        if constexpr (std::is_same_v<std::decay_t<decltype(it)>, event>) {
          (*it.tell)(it.what);
        } else if (it.tell) {
          it.tell(std::move(it.what));
        }
      },
      told_);
}

client_ledger::client_ledger(std::string session, std::string name)
    : session_{std::move(session)}, name_{std::move(name)} {}

// -- asked by the program -----------------------------------------------------

bool client_ledger::has_room(size_t bytes) const {
  if (calls_ >= limits::api_calls_in_flight_max) return false;
  // One that is larger than all the room goes alone.
  return bytes_ == 0 || bytes_ + bytes + submit_bytes_min <= limits::api_send_queue_bytes_max;
}

uint64_t client_ledger::submit(wire::submit what, on::accepted accepted, on::ended ended) {
  auto seq = ++last_seq_;
  what.seq = seq;
  what.push_end = static_cast<bool>(ended);
  auto bytes = what.args.size_bytes() + submit_bytes_min;
  bytes_ += bytes;
  ++calls_;
  return add(seq, asked_submit{std::move(what), std::move(accepted), std::move(ended), {}, bytes});
}

uint64_t client_ledger::wait(const call_id& id, on::ended ended) {
  ++calls_;
  return add(++last_seq_, asked_wait{id, std::move(ended)});
}

uint64_t client_ledger::request(std::string verb, value params, on::replied replied) {
  auto seq = ++last_seq_;
  return add(seq, asked_request{{seq, std::move(verb), std::move(params)}, std::move(replied)});
}

uint64_t client_ledger::subscribe(std::string channel, value params, on::replied ready,
                                  on::event event) {
  auto seq = ++last_seq_;
  return add(seq, asked_subscription{{seq, std::move(channel), std::move(params)},
                                     std::move(ready),
                                     std::make_shared<const on::event>(std::move(event))});
}

void client_ledger::forget(uint64_t seq) {
  auto at = entries_.find(seq);
  if (at == entries_.end()) return;
  // An unacknowledged submit stays, to be sent again if need be: it is the program that does not
  // listen any more.
  if (auto* it = std::get_if<asked_submit>(&at->second.what); it && !it->id) {
    it->accepted = {};
    it->ended = {};
    return;
  }
  const bool node_knows = open_ && !std::holds_alternative<asked_request>(at->second.what);
  erase(at);
  if (!node_knows) return;
  auto& batch = open_batch();
  wire::encode(batch.items, wire::client_message{wire::forget{seq}});
  ++batch.count;
}

uint64_t client_ledger::add(uint64_t seq, asked what) {
  auto& it = entries_.try_emplace(seq, entry{0, std::move(what)}).first->second;
  if (open_) put_on_wire(seq, it);
  return seq;
}

void client_ledger::erase(entries::iterator at) {
  auto& what = at->second.what;
  if (auto* it = std::get_if<asked_submit>(&what)) {
    --calls_;
    bytes_ -= it->bytes;
  } else if (std::holds_alternative<asked_wait>(what)) {
    --calls_;
  }
  entries_.erase(at);
}

// -- the connection -----------------------------------------------------------

wire::client_hello client_ledger::hello() const {
  return {wire::version_major, wire::version_minor, session_, name_};
}

wire_batch& client_ledger::open_batch() {
  if (batches_.empty() || batches_.back().items.size() >= limits::api_batch_bytes_target
      || batches_.back().count >= limits::api_frame_messages_max)
    batches_.push_back({++last_batch_, 0, {}});
  return batches_.back();
}

void client_ledger::put_on_wire(uint64_t seq, entry& it) {
  auto& batch = open_batch();
  auto& items = batch.items;
  std::visit(
      overloaded{
          [&](asked_submit& submit) {
            if (submit.id)
              wire::encode(items, wire::client_message{wire::wait{seq, submit.id}});
            else
              wire::encode(items, submit.what);
          },
          [&](asked_wait& wait) {
            wire::encode(items, wire::client_message{wire::wait{seq, wait.id}});
          },
          [&](asked_request& request) { wire::encode(items, wire::client_message{request.what}); },
          [&](asked_subscription& subscription) {
            wire::encode(items, wire::client_message{subscription.what});
          },
      },
      it.what);
  ++batch.count;
  it.batch = batch.number;
}

void client_ledger::opened() {
  open_ = true;
  std::vector<uint64_t> order;
  order.reserve(entries_.size());
  for (auto& [seq, it] : entries_)
    order.push_back(seq);
  std::ranges::sort(order);
  for (auto seq : order)
    put_on_wire(seq, entries_.find(seq)->second);
}

void client_ledger::lost(std::vector<answer>& answers) {
  open_ = false;
  batches_.clear();
  for (auto at = entries_.begin(); at != entries_.end();) {
    auto here = at++;
    if (!may_have_been_seen(here->second)) continue;
    if (auto* it = std::get_if<asked_submit>(&here->second.what)) it->what.again = true;
    if (auto* it = std::get_if<asked_request>(&here->second.what))
      refuse(here,
             make_error(ec::connection_lost,
                        "the connection was lost before the node answered " + it->what.verb,
                        "it may have happened or not: look, then ask again"),
             answers);
  }
}

bool client_ledger::next_batch(wire_batch& batch) {
  if (batches_.empty()) return false;
  batch = std::move(batches_.front());
  batches_.pop_front();
  taken_ = batch.number;
  return true;
}

void client_ledger::give_up(const error& why, std::vector<answer>& answers) {
  open_ = false;
  batches_.clear();
  while (!entries_.empty())
    refuse(entries_.begin(), why, answers);
}

// -- answers ------------------------------------------------------------------

void client_ledger::on_message(wire::node_message&& message, std::vector<answer>& answers) {
  std::visit(overloaded{
                 [](wire::node_hello&) {},
                 [&](wire::accepted& m) { on_accepted(m, answers); },
                 [&](wire::ended& m) { on_ended(std::move(m), answers); },
                 [&](wire::reply& m) { on_reply(std::move(m), answers); },
                 [&](wire::refused& m) {
                   auto at = entries_.find(m.seq);
                   if (at != entries_.end()) refuse(at, m.why, answers);
                 },
                 [&](wire::event& m) { on_event(std::move(m), answers); },
             },
             message);
}

void client_ledger::on_accepted(const wire::accepted& m, std::vector<answer>& answers) {
  auto at = entries_.find(m.seq);
  if (at == entries_.end()) return;
  auto* it = std::get_if<asked_submit>(&at->second.what);
  if (!it || it->id) return;
  if (it->accepted) answers.emplace_back(std::move(it->accepted), m.id);
  if (!it->ended) return erase(at);
  it->accepted = {};
  it->id = m.id;
  it->what = {};
  bytes_ -= it->bytes;
  it->bytes = 0;
}

void client_ledger::on_ended(wire::ended&& m, std::vector<answer>& answers) {
  auto at = entries_.find(m.seq);
  if (at == entries_.end()) return;
  if (auto* it = std::get_if<asked_submit>(&at->second.what)) {
    // A call that had ended before it was sent again may be told so without being accepted first.
    if (it->accepted) answers.emplace_back(std::move(it->accepted), m.id);
    answers.emplace_back(std::move(it->ended), outcome_of(std::move(m)));
  } else if (auto* wait = std::get_if<asked_wait>(&at->second.what)) {
    answers.emplace_back(std::move(wait->ended), outcome_of(std::move(m)));
  } else {
    return;
  }
  erase(at);
}

void client_ledger::on_reply(wire::reply&& m, std::vector<answer>& answers) {
  auto at = entries_.find(m.seq);
  if (at == entries_.end()) return;
  if (auto* it = std::get_if<asked_request>(&at->second.what)) {
    answers.emplace_back(std::move(it->replied), std::move(m.answer));
    erase(at);
  } else if (auto* subscription = std::get_if<asked_subscription>(&at->second.what)) {
    if (subscription->ready)
      answers.emplace_back(std::move(subscription->ready), std::move(m.answer));
    subscription->ready = {};
  }
}

void client_ledger::on_event(wire::event&& m, std::vector<answer>& answers) {
  auto at = entries_.find(m.seq);
  if (at == entries_.end()) return;
  auto* it = std::get_if<asked_subscription>(&at->second.what);
  if (it) answers.emplace_back(it->event, std::move(m.what));
}

void client_ledger::refuse(entries::iterator at, const error& why, std::vector<answer>& answers) {
  std::visit(overloaded{
                 [&](asked_submit& it) {
                   if (!it.id)
                     answers.emplace_back(std::move(it.accepted), result<call_id>{why});
                   else
                     answers.emplace_back(std::move(it.ended), result<call_outcome>{why});
                 },
                 [&](asked_wait& it) {
                   answers.emplace_back(std::move(it.ended), result<call_outcome>{why});
                 },
                 [&](asked_request& it) {
                   answers.emplace_back(std::move(it.replied), result<value>{why});
                 },
                 [&](asked_subscription& it) {
                   if (it.ready) answers.emplace_back(std::move(it.ready), result<value>{why});
                 },
             },
             at->second.what);
  erase(at);
}

} // namespace flow
