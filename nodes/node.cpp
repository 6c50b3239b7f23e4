#include "nodes/node.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "caf/all.hpp"

#include "actors/catalog_actor.hpp"
#include "actors/node_actor.hpp"
#include "actors/verbs_actor.hpp"
#include "flows/text.hpp"
#include "nodes/access.hpp"
#include "nodes/api_server.hpp"
#include "storage/rocks_store.hpp"

namespace flow::nodes {

namespace {

namespace fs = std::filesystem;

struct system_config : caf::actor_system_config {
  system_config() {
    set("scheduler.max-threads", std::max<size_t>(2, std::thread::hardware_concurrency()));
    // The default sleeps 50 us between polls in its second phase and is not woken out of it:
    // measured 1.4x at 64 in flight.
    set("work-stealing.moderate-poll-attempts", size_t{0});
    set("scheduler.max-throughput", size_t{100});
  }
};

/// Runtimes of languages lie beside the program: bin/../share/millrace/runtime.
result<std::string> runtime_directory() {
  std::error_code failed;
  auto program = fs::read_symlink("/proc/self/exe", failed);
  auto found = program.parent_path().parent_path() / "share" / "millrace" / "runtime";
  if (failed || !fs::is_directory(found, failed))
    return make_error(ec::bad_config, "the language runtimes are not at " + found.string(),
                      "install or build the whole project");
  return found.string();
}

/// What a node makes in its data directory, and `flow up` beside it.
constexpr std::array own_names{"store",           "code",     "scratch",  "admin.token",
                               "admin.token.new", "node.out", "node.log", "lost+found"};

/// A directory that is something else's is left alone: it has other files, and no store.
result<void> check_directory(const fs::path& directory) {
  std::error_code failed;
  bool has_store = fs::exists(directory / "store", failed);
  for (fs::directory_iterator it{directory, failed}, end; !failed && it != end;
       it.increment(failed)) {
    auto name = it->path().filename().string();
    if (std::ranges::find(own_names, name) != own_names.end()) continue;
    if (!has_store)
      return make_error(ec::store_foreign,
                        directory.string() + " is not a node's: it holds " + quoted(name)
                            + " and no store",
                        "choose an empty or a new directory with --data");
    std::fprintf(stderr, "note: %s is not the node's, and is left alone\n", it->path().c_str());
  }
  return {};
}

/// The store does not know by which word of the command line a loss is accepted.
error with_way_out(error why) {
  if (why.code == ec::store_stale) why.hint += " (flow-node --accept-loss)";
  return why;
}

class node_of_one_machine final : public running_node {
public:
  explicit node_of_one_machine(const node_options& options) : options_{options} {}

  ~node_of_one_machine() override { end(); }

  result<void> open(std::function<void(const std::string&)> on_failure) {
    // First what can be refused without leaving anything behind.
    auto runtime = runtime_directory();
    if (!runtime) return runtime.error();
    auto port = bind_api(options_.api_address, options_.insecure);
    if (!port) return port.error();
    if (auto own = check_directory(options_.data_directory); !own) return own;
    storage::rocks_options at;
    at.directory = (fs::path{options_.data_directory} / "store").string();
    at.accept_loss = options_.accept_loss;
    auto opened = make_directory();
    if (!opened) return opened;
    auto store = storage::open_rocks_store(std::move(at));
    if (!store) return with_way_out(store.error());
    shared_->store = std::move(*store);
    auto who = open_access(options_.data_directory);
    if (!who) return who.error();
    auto first = actors::read_catalog(*shared_->store);
    if (!first) return first.error();
    if (auto hosts = open_hosts(*runtime); !hosts) return hosts;
    shared_->node = options_.name;
    shared_->cpus = options_.cpus;
    start_actors(std::move(*first), std::move(on_failure));
    return serve(std::make_shared<const access>(std::move(*who)), std::move(*port));
  }

  const std::string& api_address() const override { return api_->address(); }

  void close() override {
    if (api_) api_->stop();
    if (node_) {
      caf::scoped_actor self{*system_};
      auto limit = std::chrono::milliseconds{options_.drain_ms + 5'000};
      self->request(node_, limit, actors::drain_node{options_.drain_ms})
          .receive([](const actors::drained&) {}, [](const caf::error&) {});
    }
    end();
  }

private:
  result<void> make_directory() {
    std::error_code failed;
    fs::create_directories(options_.data_directory, failed);
    if (!failed) fs::permissions(options_.data_directory, fs::perms::owner_all, failed);
    if (failed)
      return make_error(ec::store_io,
                        "cannot make directory " + options_.data_directory + ": "
                            + failed.message(),
                        "choose another with --data");
    return {};
  }

  result<void> open_hosts(const std::string& runtime) {
    codeloader::loader_options loading;
    loading.root_dir = (fs::path{options_.data_directory} / "code").string();
    loading.runtime_dir = runtime;
    loading.policy = {options_.allow_repositories, options_.deny_repositories};
    auto loader = codeloader::make_loader(std::move(loading));
    if (!loader) return loader.error();
    shared_->loader = std::move(*loader);
    codeloader::worker_host_options hosting;
    hosting.runtime_dir = runtime;
    hosting.scratch_dir = (fs::path{options_.data_directory} / "scratch").string();
    auto workers = codeloader::make_worker_host(std::move(hosting));
    if (!workers) return workers.error();
    shared_->workers = std::move(*workers);
    return {};
  }

  void start_actors(std::shared_ptr<const catalog> first,
                    std::function<void(const std::string&)> on_failure) {
    system_ = std::make_unique<caf::actor_system>(config_);
    node_ = system_->spawn(actors::node, shared_, std::move(first));
    on_failure_ = std::move(on_failure);
    end_with(node_);
    // Answers once every child has been started, so that the API never meets a half-made node.
    caf::scoped_actor self{*system_};
    self->request(node_, caf::infinite, actors::describe{})
        .receive([](const actors::node_status&) {}, [](const caf::error&) {});
  }

  /// An actor that nobody starts again: when it fails, the daemon ends, and a new start finds what
  /// is durable.
  template <class Handle>
  void end_with(const Handle& essential) {
    system_->spawn(
        [essential, on_failure = on_failure_](caf::event_based_actor* self) -> caf::behavior {
          self->monitor(essential);
          self->set_down_handler([self, on_failure](const caf::down_msg& down) {
            if (down.reason != caf::exit_reason::user_shutdown)
              on_failure(caf::to_string(down.reason));
            self->quit();
          });
          return {[](caf::unit_t) {}};
        });
  }

  result<void> serve(std::shared_ptr<const access> who, std::shared_ptr<bound_port> port) {
    auto verbs = system_->spawn<caf::detached>(actors::verbs, actors::services_ptr{shared_}, node_);
    end_with(verbs);
    verbs_ = caf::actor_cast<caf::actor>(verbs);
    api_server_options at;
    at.bound = std::move(port);
    at.node_name = options_.name;
    at.system = system_.get();
    at.directory = shared_->sockets.get();
    at.who = std::move(who);
    at.verbs = verbs_;
    at.health_now
        = [board = shared_->health] { return health{board->problems(system_clock().steady_ms())}; };
    auto api = make_api_server(std::move(at));
    if (!api) return api.error();
    api_ = std::move(*api);
    return {};
  }

  void end() {
    if (!system_) return;
    if (api_) api_->stop();
    api_.reset();
    caf::anon_send_exit(verbs_, caf::exit_reason::user_shutdown);
    caf::anon_send_exit(node_, caf::exit_reason::user_shutdown);
    verbs_ = nullptr;
    node_ = nullptr;
    system_->await_all_actors_done();
    // No handle may outlive the actor system.
    shared_->journal = nullptr;
    shared_->hub = nullptr;
    shared_->sockets->publish(std::make_shared<const actors::routes>());
    system_.reset();
    shared_->workers.reset();
    shared_->store.reset();
  }

  node_options options_;
  system_config config_;
  std::shared_ptr<actors::services> shared_ = std::make_shared<actors::services>();
  std::unique_ptr<caf::actor_system> system_;
  actors::node_actor node_;
  caf::actor verbs_;
  std::function<void(const std::string&)> on_failure_;
  std::unique_ptr<api_server> api_;
};

} // namespace

result<std::unique_ptr<running_node>>
start_node(const node_options& options, std::function<void(const std::string& why)> on_failure) {
  auto node = std::make_unique<node_of_one_machine>(options);
  if (auto opened = node->open(std::move(on_failure)); !opened) return opened.error();
  return std::unique_ptr<running_node>{std::move(node)};
}

} // namespace flow::nodes
