#include "actors/loader_actor.hpp"

#include "caf/all.hpp"

#include "flows/limits.hpp"

namespace flow::actors {

namespace {

result<std::string> commit_of(const result<codeloader::loaded_module>& loaded) {
  if (!loaded) return loaded.error();
  return loaded->commit;
}

/// The work of a loader that must be answered whatever it throws.
template <class Work>
auto guarded(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& thrown) {
    return make_error(ec::internal, std::string{"loading failed: "} + thrown.what());
  }
}

} // namespace

void loader_state::enqueue(std::function<void()> work) {
  waiting.push_back(std::move(work));
  start_next();
}

void loader_state::finished() {
  --running;
  start_next();
}

void loader_state::start_next() {
  while (!waiting.empty() && running < limits::loads_at_once_max) {
    ++running;
    auto work = std::move(waiting.front());
    waiting.pop_front();
    auto body
        = [work = std::move(work), owner = loader_actor{self}](caf::event_based_actor* helper) {
            work();
            helper->send(owner, load_finished{});
          };
    if (shared->may_detach)
      self->system().spawn<caf::detached>(std::move(body));
    else
      self->system().spawn(std::move(body));
  }
}

loader_actor::behavior_type loader(loader_actor::stateful_pointer<loader_state> self,
                                   services_ptr shared) {
  self->state.self = self;
  self->state.shared = std::move(shared);
  return {
      [self](load_module& what) {
        self->state.enqueue([loader = self->state.shared->loader, what] {
          auto progress = [to = what.from](const std::string& step) {
            caf::anon_send(to, loading_step{step});
          };
          auto outcome = guarded([&] { return loader->load(what.request, progress); });
          caf::anon_send(what.from, module_loaded{what.wanted_revision, std::move(outcome)});
        });
      },
      [self](load_finished) { self->state.finished(); },
      [self](resolve_module& what) -> caf::result<resolved_module> {
        auto promise = self->make_response_promise<resolved_module>();
        self->state.enqueue([loader = self->state.shared->loader, what, promise,
                             me = loader_actor{self}]() mutable {
          auto commit = guarded([&]() -> result<std::string> {
            auto untold = [](const std::string&) {};
            if (what.whole) return commit_of(loader->load(what.request, untold));
            return loader->resolve(what.request, untold);
          });
          caf::anon_send(me, answer_resolved{[promise, commit = std::move(commit)]() mutable {
                           promise.deliver(resolved_module{std::move(commit)});
                         }});
        });
        return promise;
      },
      [](answer_resolved& answer) { answer.deliver(); },
  };
}

} // namespace flow::actors
