#include "codeloader/loader.hpp"

#include <filesystem>
#include <map>
#include <mutex>

#include "codeloader/checkout.hpp"
#include "codeloader/digest.hpp"
#include "codeloader/discovery.hpp"
#include "codeloader/environment.hpp"
#include "codeloader/file_tree.hpp"
#include "codeloader/installer_settings.hpp"
#include "codeloader/repository.hpp"
#include "codeloader/shared_work.hpp"

namespace flow::codeloader {

namespace {

namespace fs = std::filesystem;

/// One mutex a name; those nobody holds cost nothing.
class named_mutexes {
public:
  std::shared_ptr<std::mutex> of(const std::string& name) {
    std::lock_guard lock{mutex_};
    std::erase_if(mutexes_, [](const auto& each) { return each.second.expired(); });
    auto& slot = mutexes_[name];
    auto found = slot.lock();
    if (!found) slot = found = std::make_shared<std::mutex>();
    return found;
  }

private:
  std::mutex mutex_;
  std::map<std::string, std::weak_ptr<std::mutex>> mutexes_;
};

/// Where a repository lives on this node.
struct place {
  admitted_repository repository;
  std::string address; ///< normalised
  std::string mirror;
  std::string checkouts;
};

class git_loader final : public loader {
public:
  explicit git_loader(loader_options options)
      : options_{std::move(options)}, root_{options_.root_dir} {}

  result<std::string> resolve(const module_request& request,
                              const progress_callback& progress) override {
    auto where = admit(request);
    if (!where) return where.error();
    return resolve_at(*where, request, progress);
  }

  result<loaded_module> load(const module_request& request,
                             const progress_callback& progress) override;

private:
  result<place> admit(const module_request& request) const;
  result<std::string> resolve_at(const place& where, const module_request& request,
                                 const progress_callback& progress);
  result<std::string> check_out(const place& where, const std::string& commit,
                                const progress_callback& progress);

  const loader_options options_;
  const fs::path root_;
  named_mutexes mirrors_;
  shared_work<bool> checkouts_;
  shared_work<std::string> environments_;
};

void tell(const progress_callback& progress, const std::string& step) {
  if (progress) progress(step);
}

/// What a path names in the end must be on the list, too.
result<void> admit_target_of_links(const repository_url& url, const repository_policy& policy) {
  std::error_code failure;
  auto target = fs::canonical(url.path, failure);
  if (failure)
    return make_error(ec::unknown_repository,
                      "there is nothing at \"" + url.path + "\" on this node",
                      "give the path of a git repository");
  if (target == url.path) return {};
  auto admitted = admit_repository(target.string(), policy);
  if (!admitted) return admitted.error();
  return {};
}

result<place> git_loader::admit(const module_request& request) const {
  auto admitted = admit_repository(request.repository, options_.policy);
  if (!admitted) return admitted.error();
  place where{*admitted, to_string(admitted->url), {}, {}};
  auto name = sha256_hex(where.address).substr(0, 40);
  where.mirror = (root_ / "mirrors" / name).string();
  where.checkouts = (root_ / "checkouts" / name).string();
  return where;
}

result<std::string> git_loader::resolve_at(const place& where, const module_request& request,
                                           const progress_callback& progress) {
  // A pinned commit that is here needs neither the network nor the mirror.
  bool is_full = request.commit.size() == 40
                 && request.commit.find_first_not_of("0123456789abcdef") == std::string::npos;
  std::error_code failure;
  if (is_full && request.branch.empty() && request.tag.empty()
      && fs::exists(fs::path{where.checkouts} / request.commit, failure))
    return request.commit;
  if (where.repository.url.scheme == repository_scheme::file)
    if (auto admitted = admit_target_of_links(where.repository.url, options_.policy);
        !admitted && request.commit.empty())
      return admitted.error();
  auto mutex = mirrors_.of(where.mirror);
  std::lock_guard lock{*mutex};
  tell(progress, "fetching " + where.address);
  return fetch_commit(where.mirror, where.repository, {request.branch, request.tag, request.commit},
                      {}, progress);
}

result<std::string> git_loader::check_out(const place& where, const std::string& commit,
                                          const progress_callback& progress) {
  auto target = (fs::path{where.checkouts} / commit).string();
  std::error_code failure;
  if (fs::exists(target, failure)) return target;
  auto done = checkouts_.run(target, progress, [&](const step_callback& tell_all) -> result<bool> {
    tell_all("checking out " + commit.substr(0, 12));
    auto tree = open_commit(where.mirror, commit);
    if (!tree) return tree.error();
    auto written = write_checkout(**tree, target);
    if (!written) return written.error();
    return true;
  });
  if (!done) return done.error();
  return target;
}

/// Where a module is run from: what a language builds or installs around a copy of the repository
/// is in the environment.
struct module_place {
  std::string import_root;
  std::string file;
};

module_place place_of(const discovered_module& found, const std::string& environment,
                      const std::string& checkout, const std::string& language) {
  bool is_copy = !environment.empty() && (language == "node" || language == "native");
  fs::path base{is_copy ? environment : checkout};
  auto root = fs::path{found.import_root};
  if (is_copy) root = root == checkout ? base : base / root.lexically_relative(checkout);
  auto file = base / found.file;
  if (language == "native") {
    auto place = found.build.empty() ? base : base / found.source;
    if (found.build == "cmake") place /= "build";
    file = place / found.program;
  }
  return {root.string(), file.lexically_normal().string()};
}

result<loaded_module> git_loader::load(const module_request& request,
                                       const progress_callback& progress) {
  auto where = admit(request);
  if (!where) return where.error();
  auto commit = resolve_at(*where, request, progress);
  if (!commit) return commit.error();
  auto checkout = check_out(*where, *commit, progress);
  if (!checkout) return checkout.error();
  tell(progress, "parsing " + request.module);
  auto found = discover_module({options_.runtime_dir, options_.python, *checkout, request.module,
                                request.module_path, request.language, options_.node,
                                request.replacements});
  if (!found) return found.error();
  environment_request wanted{where->address, *commit,      request.language, request.requirements,
                             *checkout,      found->build, found->source,    found->program};
  auto key = environment_key(wanted);
  environment_options options{(root_ / "environments").string(), options_.python,
                              process_environment(), options_.runtime_dir};
  auto environment = environments_.run(key, progress, [&](const step_callback& tell_all) {
    return build_environment(options, wanted, tell_all);
  });
  if (!environment) return environment.error();
  auto place = place_of(*found, *environment, *checkout, request.language);
  return loaded_module{*commit,      *checkout, place.import_root,          place.file,
                       *environment, key,       std::move(found->functions)};
}

/// What a killed daemon left half made.
result<void> remove_halves(const fs::path& directory, int depth) {
  std::error_code failure;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it{directory, failure}; !failure && it != fs::directory_iterator{};
       it.increment(failure))
    entries.push_back(it->path());
  for (const auto& path : entries) {
    if (path.extension() == ".half") {
      if (auto removed = remove_tree(path.string()); !removed) return removed;
    } else if (depth > 0) {
      if (auto removed = remove_halves(path, depth - 1); !removed) return removed;
    }
  }
  return {};
}

} // namespace

result<std::unique_ptr<loader>> make_loader(loader_options options) {
  if (auto readable = check_policy(options.policy); !readable) return readable.error();
  fs::path root{options.root_dir};
  if (!root.is_absolute())
    return make_error(ec::bad_config, "the code loader's directory \"" + options.root_dir
                                          + "\" is not an absolute path");
  auto script = fs::path{options.runtime_dir} / "python" / "discover.py";
  std::error_code failure;
  if (!fs::exists(script, failure))
    return make_error(ec::bad_config, "there is no language runtime at \"" + script.string() + "\"",
                      "install the program anew, or name its runtime directory");
  for (const auto* below : {"mirrors", "checkouts", "environments"}) {
    fs::create_directories(root / below, failure);
    if (failure)
      return make_error(ec::store_io,
                        "cannot make \"" + (root / below).string() + "\": " + failure.message());
  }
  if (auto cleaned = remove_halves(root / "checkouts", 1); !cleaned) return cleaned.error();
  if (auto cleaned = remove_halves(root / "environments", 0); !cleaned) return cleaned.error();
  return std::unique_ptr<loader>{std::make_unique<git_loader>(std::move(options))};
}

} // namespace flow::codeloader
