#include "actors/catalog_actor.hpp"

#include <algorithm>

#include "caf/all.hpp"

#include "actors/tell.hpp"
#include "codeloader/container.hpp"
#include "flows/params.hpp"
#include "storage/key_kind.hpp"

namespace flow::actors {

namespace {

/// How long `object.add processor` waits for the module before it answers with the state so far.
constexpr auto settle_within = std::chrono::seconds{25};

const std::string head_key = std::string{storage::key_kind::catalog_meta} + "head";

storage::batch rows_of(const change_set& changes) {
  storage::batch rows;
  for (const auto& change : changes.changes) {
    auto key = storage::object_key(to_string(change.kind), change.name);
    if (change.after)
      rows.put(storage::family::catalog, std::move(key), encode_object(*change.after));
    else
      rows.erase(storage::family::catalog, std::move(key));
  }
  rows.put(storage::family::catalog, head_key, encode_head(changes.head));
  return rows;
}

value notes_value(const change_set& changes) {
  list_builder notes;
  for (const auto& note : changes.notes)
    notes.add_text(note);
  return notes.finish();
}

} // namespace

codeloader::module_request request_of(const processor_spec& spec) {
  return {spec.repository,  spec.branch,   spec.tag,          spec.commit,      spec.module,
          spec.module_path, spec.language, spec.requirements, spec.replacements};
}

result<std::shared_ptr<const catalog>> read_catalog(const storage::store& from) {
  auto all = std::make_shared<catalog>();
  error failed;
  auto read = from.scan(storage::family::catalog, storage::prefix_range(storage::key_kind::object),
                        [&](std::string_view key, std::string_view row) {
                          auto it = decode_object(row);
                          if (it) {
                            if (auto restored = all->restore(std::move(*it)); !restored)
                              failed = restored.error();
                          } else {
                            failed = it.error();
                            failed.text = "catalog row \"" + std::string{key.substr(2)}
                                          + "\": " + failed.text;
                          }
                          return failed.code == ec::none;
                        });
  if (!read) return read.error();
  if (failed.code != ec::none) return failed;
  auto row = from.get(storage::family::catalog, head_key);
  if (!row) return row.error();
  if (*row) {
    auto head = decode_head(**row);
    if (!head) return head.error();
    all->restore(*head);
  }
  if (auto problems = all->check(); !problems.empty())
    return make_error(ec::store_corrupt, "the catalog contradicts itself: " + problems.front());
  return std::shared_ptr<const catalog>{std::move(all)};
}

// -- jobs ---------------------------------------------------------------------

void catalog_life::enqueue(job next) {
  jobs.push_back(std::move(next));
  start_next();
}

void catalog_life::start_next() {
  while (!is_committing && !jobs.empty()) {
    auto planned = jobs.front().plan(*current);
    if (!planned || planned->empty()) {
      auto finished = std::move(jobs.front());
      jobs.pop_front();
      finished.done(planned);
      continue;
    }
    committing = std::move(*planned);
    is_committing = true;
    append_rows rows;
    rows.from = caf::actor_cast<caf::actor>(self);
    rows.ticket = ++last_ticket;
    rows.is_refusable = true;
    rows.rows = rows_of(committing);
    self->send(shared->journal, std::move(rows));
  }
}

void catalog_life::committed(const rows_committed& done) {
  for (auto ticket : done.tickets) {
    if (ticket != last_ticket || !is_committing) continue;
    auto next = std::make_shared<catalog>(*current);
    if (auto applied = next->apply(committing); !applied) {
      self->quit(caf::make_error(caf::sec::runtime_error, flow::to_string(applied.error())));
      return;
    }
    current = std::move(next);
    is_committing = false;
    self->send(node, catalog_changed{current, committing.changes});
    auto finished = std::move(jobs.front());
    jobs.pop_front();
    finished.done(result<change_set>{std::move(committing)});
  }
  for (const auto& [ticket, why] : done.refused) {
    if (ticket != last_ticket || !is_committing) continue;
    is_committing = false;
    auto finished = std::move(jobs.front());
    jobs.pop_front();
    finished.done(result<change_set>{why});
  }
  start_next();
}

// -- verbs --------------------------------------------------------------------

void catalog_life::answer(const client& who, value what) {
  session_output out;
  out.messages.push_back(wire::reply{who.seq, std::move(what)});
  tell(self, who.session, std::move(out));
}

void catalog_life::refuse(const client& who, const error& why) {
  session_output out;
  out.messages.push_back(wire::refused{who.seq, why});
  tell(self, who.session, std::move(out));
}

void catalog_life::run(run_verb& verb) {
  if (verb.what.verb == "object.add")
    add(verb);
  else if (verb.what.verb == "object.update")
    update(verb);
  else if (verb.what.verb == "object.delete")
    remove(verb);
  else if (verb.what.verb == "task.code")
    replace_task(verb);
  else
    refuse({verb.session, verb.what.seq},
           make_error(ec::bad_usage, "no verb \"" + verb.what.verb + "\""));
}

value catalog_life::added_value(object_kind kind, const std::string& object_name,
                                const change_set& changes) const {
  auto it = current->find(kind, object_name);
  if (!it) return {};
  std::vector<std::pair<std::string_view, value>> more;
  bool is_new = std::ranges::any_of(changes.changes, [&](const object_change& change) {
    return change.kind == kind && change.name == object_name && !change.before;
  });
  value created;
  created.cbor = is_new ? "\xf5" : "\xf4";
  more.emplace_back("created", created);
  more.emplace_back("notes", notes_value(changes));
  return to_value(*it, more);
}

void catalog_life::add(run_verb& verb) {
  client who{verb.session, verb.what.seq};
  params given{verb.what.params};
  auto kind_word = given.required_text("kind");
  auto object_name = given.text("name");
  auto spec = given.item("spec").value_or(map_builder{}.finish());
  object_labels labels;
  for (auto& [key, text] : given.text_map("labels"))
    labels[key] = text;
  bool exist_ok = given.boolean("exist_ok");
  if (auto fine = given.check(); !fine) return refuse(who, fine.error());
  auto kind = parse_kind(kind_word);
  if (!kind) return refuse(who, kind.error());
  change_author author{verb.user, shared->clock->wall_ms()};
  if (*kind == object_kind::processor)
    return add_processor(who, std::move(object_name), std::move(spec), std::move(labels), author,
                         exist_ok);
  auto plan = [=, kind = *kind](const catalog& now) {
    return now.plan_add(kind, object_name, spec, labels, author, exist_ok);
  };
  enqueue({plan, [this, who, kind = *kind, object_name](const result<change_set>& done) {
             if (!done) return refuse(who, done.error());
             // An argument without a name gets one: it is the object of its kind that the change
             // has made.
             auto found = object_name;
             for (const auto& change : done->changes)
               if (found.empty() && change.kind == kind) found = change.name;
             answer(who, added_value(kind, found, *done));
           }});
}

void catalog_life::add_processor(client who, std::string processor, value spec,
                                 object_labels labels, change_author author, bool exist_ok) {
  // First what costs nothing, then what needs the network: nothing is made before both are fine.
  auto planned
      = current->plan_add(object_kind::processor, processor, spec, labels, author, exist_ok);
  if (!planned) return refuse(who, planned.error());
  auto parsed = parse_spec(object_kind::processor, spec);
  if (!parsed) return refuse(who, parsed.error());
  if (auto can = codeloader::check_image(std::get<processor_spec>(*parsed).image); !can)
    return refuse(who, can.error());
  auto add_it = [=, this] {
    auto plan = [=](const catalog& now) {
      return now.plan_add(object_kind::processor, processor, spec, labels, author, exist_ok);
    };
    enqueue({plan, [this, who, processor](const result<change_set>& done) {
               if (!done) return refuse(who, done.error());
               if (done->empty())
                 return answer(who, added_value(object_kind::processor, processor, *done));
               being_added[processor].push_back({who, ++last_tag});
               self->delayed_send(self, settle_within, wake_up{last_tag});
             }});
  };
  if (planned->empty()) return add_it();
  self->request(loader, caf::infinite,
                resolve_module{request_of(std::get<processor_spec>(*parsed))})
      .then(
          [this, who, add_it](const resolved_module& resolved) {
            if (!resolved.commit) return refuse(who, resolved.commit.error());
            add_it();
          },
          [this, who](const caf::error&) {
            refuse(who, make_error(ec::shutting_down, "the loader has ended"));
          });
}

void catalog_life::settled(const processor_status& status) {
  if (status.state == processor_state::loading || status.state == processor_state::starting) return;
  // Its functions, and with them its sockets, may still be on their way into the catalog.
  auto it = current->find(object_kind::processor, status.name);
  bool is_recorded = it && (it->code.is_known || !it->code.failure.empty());
  if (!is_recorded && status.state != processor_state::broken) return;
  auto waiting = being_added.extract(status.name);
  if (waiting.empty()) return;
  value state = map_builder{}
                    .text("state", to_string(status.state))
                    .text("text", status.text)
                    .text("commit", status.commit)
                    .number("workers_ready", status.workers_ready)
                    .finish();
  list_builder functions;
  for (const auto& sig : status.functions)
    functions.add(to_value(sig));
  value yes;
  yes.cbor = "\xf5";
  for (const auto& one : waiting.mapped()) {
    if (!it) {
      refuse(one.who, make_error(ec::unknown_object,
                                 "processor \"" + status.name + "\" was deleted meanwhile"));
      continue;
    }
    std::vector<std::pair<std::string_view, value>> more{
        {"created", yes}, {"status", state}, {"functions", functions.finish()}};
    answer(one.who, to_value(*it, more));
  }
}

void catalog_life::give_up_waiting(uint64_t tag) {
  for (auto& [processor, waiting] : being_added)
    for (auto one = waiting.begin(); one != waiting.end(); ++one) {
      if (one->tag != tag) continue;
      auto it = current->find(object_kind::processor, processor);
      if (it) answer(one->who, to_value(*it));
      waiting.erase(one);
      return;
    }
}

void catalog_life::update(run_verb& verb) {
  client who{verb.session, verb.what.seq};
  params given{verb.what.params};
  auto kind = parse_kind(given.required_text("kind"));
  auto object_name = given.required_text("name");
  auto spec = given.item("spec").value_or(map_builder{}.finish());
  std::optional<object_labels> labels;
  if (given.has("labels")) {
    labels.emplace();
    for (auto& [key, text] : given.text_map("labels"))
      (*labels)[key] = text;
  }
  if (auto fine = given.check(); !fine) return refuse(who, fine.error());
  if (!kind) return refuse(who, kind.error());
  change_author author{verb.user, shared->clock->wall_ms()};
  auto plan = [=, kind = *kind](const catalog& now) -> result<change_set> {
    auto planned = now.plan_update(kind, object_name, spec, labels, author);
    if (!planned || kind != object_kind::processor) return planned;
    for (const auto& change : planned->changes)
      if (change.after && change.kind == kind)
        if (auto can = codeloader::check_image(change.after->as<processor_spec>().image); !can)
          return can.error();
    return planned;
  };
  enqueue({plan, [this, who, kind = *kind, object_name](const result<change_set>& done) {
             if (!done) return refuse(who, done.error());
             auto it = current->resolve(kind, object_name);
             answer(who, it ? added_value(kind, (*it)->name, *done) : value{});
           }});
}

void catalog_life::remove(run_verb& verb) {
  client who{verb.session, verb.what.seq};
  params given{verb.what.params};
  auto kind = parse_kind(given.required_text("kind"));
  auto names = given.texts("names");
  bool cascade = given.boolean("cascade");
  if (auto fine = given.check(); !fine) return refuse(who, fine.error());
  if (!kind) return refuse(who, kind.error());
  change_author author{verb.user, shared->clock->wall_ms()};
  auto plan = [=, kind = *kind](const catalog& now) {
    return now.plan_delete(kind, names, cascade, author);
  };
  enqueue({plan, [this, who](const result<change_set>& done) {
             if (!done) return refuse(who, done.error());
             list_builder deleted;
             for (const auto& change : done->changes)
               if (!change.after)
                 deleted.add(map_builder{}
                                 .text("kind", to_string(change.kind))
                                 .text("name", change.name)
                                 .finish());
             answer(who, map_builder{}.item("deleted", deleted.finish()).finish());
           }});
}

// -- from the engine ----------------------------------------------------------

void catalog_life::found(functions_found& what) {
  change_author author{std::string{engine_author}, shared->clock->wall_ms()};
  std::function<result<change_set>(const catalog&)> plan;
  if (what.outcome) {
    found_code code{what.wanted_revision, what.outcome->commit, what.outcome->functions};
    plan = [=, processor = what.processor](const catalog& now) {
      return now.plan_found(processor, code, author);
    };
  } else {
    auto why = flow::to_string(what.outcome.error());
    plan = [=, processor = what.processor, revision = what.wanted_revision](const catalog& now) {
      return now.plan_not_found(processor, revision, why, author);
    };
  }
  // A processor that was deleted or changed meanwhile refuses the plan: nothing is owed to anyone
  // then.
  enqueue({std::move(plan), [](const result<change_set>&) {}});
}

void catalog_life::set_desired_state(const set_desired& what) {
  static constexpr std::string_view words[] = {"running", "paused", "stopped"};
  auto change = map_builder{}.text("desired", words[static_cast<size_t>(what.desired)]).finish();
  change_author author{what.user, shared->clock->wall_ms()};
  auto plan = [=, processor = what.processor](const catalog& now) {
    return now.plan_update(object_kind::processor, processor, change, std::nullopt, author);
  };
  enqueue({plan, [](const result<change_set>&) {}});
}

/// The machine itself is an object too: deployments refer to it. Its cpus may have changed since
/// the last start.
void catalog_life::register_node() {
  auto spec = map_builder{}.text("hostname", shared->node).number("cpus", shared->cpus).finish();
  change_author author{std::string{engine_author}, shared->clock->wall_ms()};
  auto plan = [node = shared->node, spec, author](const catalog& now) {
    return now.find(object_kind::node, node)
               ? now.plan_update(object_kind::node, node, spec, std::nullopt, author)
               : now.plan_add(object_kind::node, node, spec, {}, author, true);
  };
  enqueue({plan, [](const result<change_set>&) {}});
}

catalog_actor::behavior_type catalog_keeper(catalog_actor::stateful_pointer<catalog_life> self,
                                            services_ptr shared, loader_actor loader,
                                            node_actor node, std::shared_ptr<const catalog> first) {
  auto& state = self->state;
  state.self = self;
  state.shared = std::move(shared);
  state.loader = std::move(loader);
  state.node = std::move(node);
  state.current = std::move(first);
  state.register_node();
  return {
      [self](run_verb& verb) { self->state.run(verb); },
      [self](const rows_committed& done) { self->state.committed(done); },
      [self](functions_found& what) { self->state.found(what); },
      [self](const status_settled& what) { self->state.settled(what.status); },
      [self](const set_desired& what) { self->state.set_desired_state(what); },
      [self](wake_up wake) { self->state.give_up_waiting(wake.tag); },
  };
}

} // namespace flow::actors
