#include "codeloader/repository.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>

#include <git2.h>

#include "codeloader/git_library.hpp"
#include "flows/clock.hpp"

namespace flow::codeloader {

namespace {

namespace fs = std::filesystem;

// -- one fetch ----------------------------------------------------------------

/// What the callbacks of one fetch share.
struct fetch_session {
  fetch_session(const admitted_repository& from, const fetch_limits& most,
                const std::function<void(const std::string&)>& tell)
      : guard{{from.url.host, from.may_be_private, most.time_ms, most.bytes}},
        repository{from},
        progress{tell} {}

  connection_guard guard;
  const admitted_repository& repository;
  const std::function<void(const std::string&)>& progress;
  uint64_t told_ms = 0;
  bool is_too_large = false;
  unsigned credential_requests = 0;
  std::string credential_problem;
};

int on_progress(const git_indexer_progress* stats, void* payload) {
  auto& session = *static_cast<fetch_session*>(payload);
  if (session.guard.is_over()) return GIT_EUSER;
  if (stats->received_bytes > session.guard.rules().bytes) {
    session.is_too_large = true;
    return GIT_EUSER;
  }
  auto now_ms = system_clock().steady_ms();
  if (session.progress
      && (now_ms - session.told_ms >= 500 || stats->received_objects == stats->total_objects)) {
    session.told_ms = now_ms;
    bool is_received = stats->received_objects == stats->total_objects;
    session.progress((is_received ? "fetching: indexed " + std::to_string(stats->indexed_objects)
                                  : "fetching: received " + std::to_string(stats->received_objects))
                     + " of " + std::to_string(stats->total_objects) + " objects, "
                     + std::to_string(stats->received_bytes >> 10) + " KiB");
  }
  return 0;
}

int on_sideband(const char*, int, void* payload) {
  return static_cast<fetch_session*>(payload)->guard.is_over() ? GIT_EUSER : 0;
}

int on_credentials(git_credential** out, const char*, const char* user, unsigned allowed,
                   void* payload) {
  auto& session = *static_cast<fetch_session*>(payload);
  std::string name = user != nullptr && *user != '\0' ? user : "git";
  if ((allowed & GIT_CREDENTIAL_USERNAME) != 0)
    return git_credential_username_new(out, name.c_str());
  bool is_ssh = session.repository.url.scheme == repository_scheme::ssh;
  const char* agent = std::getenv("SSH_AUTH_SOCK");
  if (!is_ssh) {
    session.credential_problem
        = "asks for a user name and a password: it is private or does not exist";
  } else if (agent == nullptr || *agent == '\0') {
    session.credential_problem
        = "asks for an ssh key, and the node has no ssh agent (SSH_AUTH_SOCK is not set)";
  } else if (session.credential_requests++ > 0) {
    session.credential_problem
        = "refuses the keys of the node's ssh agent for user \"" + name + "\"";
  } else if ((allowed & GIT_CREDENTIAL_SSH_KEY) != 0) {
    return git_credential_ssh_key_from_agent(out, name.c_str());
  } else {
    session.credential_problem = "takes no ssh keys";
  }
  return GIT_EUSER;
}

git_remote_callbacks callbacks_of(fetch_session& session) {
  git_remote_callbacks callbacks = GIT_REMOTE_CALLBACKS_INIT;
  callbacks.transfer_progress = on_progress;
  callbacks.sideband_progress = on_sideband;
  callbacks.credentials = on_credentials;
  callbacks.payload = &session;
  return callbacks;
}

/// What ended a fetch: our own limits come before whatever libgit2 made of them.
error fetch_error(const fetch_session& session, int status) {
  auto name = "repository \"" + to_string(session.repository.url) + "\"";
  if (!session.credential_problem.empty())
    return make_error(ec::unknown_repository, name + " " + session.credential_problem,
                      "check the address; for a private repository use an ssh address and a key in "
                      "the node's ssh agent");
  if (session.guard.met_private_address())
    return make_error(ec::repository_not_allowed, name + " leads to a private address",
                      "name the host on the allow list if it is meant to");
  if (session.is_too_large || session.guard.is_too_large())
    return make_error(ec::payload_too_large, name + " is larger than "
                                                 + std::to_string(session.guard.rules().bytes >> 20)
                                                 + " MiB");
  if (session.guard.is_over())
    return make_error(ec::timed_out, name + " could not be fetched within "
                                         + std::to_string(session.guard.rules().time_ms) + " ms");
  return error_of_git(status, name, ec::unknown_repository);
}

// -- mirror -------------------------------------------------------------------

/// Stands in the mirror while a fetch writes to it; found later, it means that the fetch was
/// killed.
fs::path fetch_mark(const fs::path& dir) {
  return dir / "fetching";
}

/// A killed fetch leaves locks, which nobody would ever release, and packs that are not whole.
void remove_leftovers(const fs::path& dir) {
  std::error_code ignored;
  for (const auto* below : {"refs", "objects/pack", "."}) {
    auto options = fs::directory_options::skip_permission_denied;
    std::vector<fs::path> found;
    for (auto it = fs::recursive_directory_iterator{dir / below, options, ignored};
         it != fs::recursive_directory_iterator{}; it.increment(ignored)) {
      auto name = it->path().filename().string();
      if (name.ends_with(".lock") || name.starts_with("pack_") || name.starts_with("tmp_"))
        found.push_back(it->path());
      if (std::string_view{below} == "." && it->is_directory(ignored))
        it.disable_recursion_pending();
    }
    for (const auto& path : found)
      fs::remove(path, ignored);
  }
  fs::remove(fetch_mark(dir), ignored);
}

result<git_handle<git_repository>> open_mirror(const fs::path& dir) {
  git_handle<git_repository> repository;
  std::error_code failure;
  if (fs::exists(fetch_mark(dir), failure)) remove_leftovers(dir);
  if (fs::exists(dir, failure)) {
    if (open_handle(repository,
                    [&](auto out) { return git_repository_open_bare(out, dir.c_str()); })
        == 0)
      return repository;
    fs::remove_all(dir, failure); // it holds nothing that the remote has not
  }
  fs::path half = dir;
  half += ".new";
  fs::remove_all(half, failure);
  fs::create_directories(dir.parent_path(), failure);
  int status = open_handle(repository,
                           [&](auto out) { return git_repository_init(out, half.c_str(), 1); });
  if (status < 0)
    return error_of_git(status, "mirror \"" + dir.string() + "\" cannot be made", ec::store_io);
  repository.reset();
  fs::rename(half, dir, failure);
  if (failure)
    return make_error(ec::store_io,
                      "mirror \"" + dir.string() + "\" cannot be made: " + failure.message());
  status = open_handle(repository,
                       [&](auto out) { return git_repository_open_bare(out, dir.c_str()); });
  if (status < 0)
    return error_of_git(status, "mirror \"" + dir.string() + "\" cannot be opened", ec::store_io);
  return repository;
}

bool is_hex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// The commit with this beginning, if the mirror has exactly one object of that name.
result<std::optional<std::string>> find_commit(git_repository* repository,
                                               const std::string& prefix) {
  git_oid id;
  git_oid_fromstrn(&id, prefix.data(), prefix.size());
  git_handle<git_object> object;
  int status = open_handle(object, [&](auto out) {
    return git_object_lookup_prefix(out, repository, &id, prefix.size(), GIT_OBJECT_COMMIT);
  });
  if (status == GIT_EAMBIGUOUS)
    return make_error(ec::unknown_reference,
                      "commit \"" + prefix + "\" is the beginning of several", "give more digits");
  if (status < 0) return std::optional<std::string>{};
  return std::optional{text_of(*git_object_id(object.get()))};
}

bool has_commit(git_repository* repository, const git_oid& id) {
  git_handle<git_object> object;
  return open_handle(
             object,
             [&](auto out) { return git_object_lookup(out, repository, &id, GIT_OBJECT_COMMIT); })
         == 0;
}

/// The id that the remote's list gives for a branch, a tag (what it points at in the end) or its
/// default branch.
std::optional<git_oid> find_head(const git_remote_head* const* heads, size_t count,
                                 const revision& wanted) {
  auto name = wanted.tag.empty() ? wanted.branch.empty() ? "HEAD" : "refs/heads/" + wanted.branch
                                 : "refs/tags/" + wanted.tag;
  std::optional<git_oid> found;
  for (size_t i = 0; i < count; ++i) {
    if (heads[i]->name == name && !found) found = heads[i]->oid;
    if (!wanted.tag.empty() && heads[i]->name == name + "^{}") found = heads[i]->oid;
  }
  return found;
}

error unknown_revision(const admitted_repository& repository, const revision& wanted,
                       size_t heads) {
  auto where = "repository \"" + to_string(repository.url) + "\" ";
  if (!wanted.commit.empty())
    return make_error(ec::unknown_reference,
                      where + "has no commit \"" + wanted.commit + "\" on any branch or tag",
                      "push it, or give another commit");
  if (heads == 0)
    return make_error(ec::unknown_reference, where + "is empty", "push a commit first");
  if (!wanted.tag.empty())
    return make_error(ec::unknown_reference, where + "has no tag \"" + wanted.tag + "\"");
  if (!wanted.branch.empty())
    return make_error(ec::unknown_reference, where + "has no branch \"" + wanted.branch + "\"");
  return make_error(ec::unknown_reference, where + "has no default branch",
                    "name a branch, tag or commit");
}

/// Brings what the remote has and the mirror lacks. Old names go first: "a" may have become "a/b".
int download(git_remote* remote, fetch_session& session, const fs::path& dir) {
  std::ofstream{fetch_mark(dir)};
  git_fetch_options options = GIT_FETCH_OPTIONS_INIT;
  options.callbacks = callbacks_of(session);
  options.download_tags = GIT_REMOTE_DOWNLOAD_TAGS_NONE;
  options.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
  options.proxy_opts.type = GIT_PROXY_AUTO;
  char branches[] = "+refs/heads/*:refs/heads/*";
  char tags[] = "+refs/tags/*:refs/tags/*";
  char* specs[] = {branches, tags};
  git_strarray refspecs{specs, 2};
  int status = git_remote_download(remote, &refspecs, &options);
  if (status == 0) status = git_remote_prune(remote, &options.callbacks);
  if (status == 0)
    status = git_remote_update_tips(remote, &options.callbacks, 0, options.download_tags, nullptr);
  std::error_code ignored;
  if (status == 0) fs::remove(fetch_mark(dir), ignored);
  return status;
}

std::string address_of(const repository_url& url) {
  return url.scheme == repository_scheme::file ? url.path : to_string(url);
}

result<std::string> fetch_from_remote(git_repository* repository, fetch_session& session,
                                      const revision& wanted, const fs::path& dir) {
  auto address = address_of(session.repository.url);
  bool is_path = session.repository.url.scheme == repository_scheme::file;
  std::error_code failure;
  if (is_path && !fs::exists(address, failure)) // libgit2 would speak of protocols
    return make_error(ec::unknown_repository,
                      "there is nothing at \"" + address + "\" on this node");
  git_remote_create_options create = GIT_REMOTE_CREATE_OPTIONS_INIT;
  create.repository = repository;
  create.flags = GIT_REMOTE_CREATE_SKIP_INSTEADOF | GIT_REMOTE_CREATE_SKIP_DEFAULT_FETCHSPEC;
  git_handle<git_remote> remote;
  if (int status = open_handle(
          remote,
          [&](auto out) { return git_remote_create_with_opts(out, address.c_str(), &create); });
      status < 0)
    return fetch_error(session, status);
  git_remote_connect_options connect = GIT_REMOTE_CONNECT_OPTIONS_INIT;
  connect.callbacks = callbacks_of(session);
  connect.follow_redirects = GIT_REMOTE_REDIRECT_NONE;
  connect.proxy_opts.type = GIT_PROXY_AUTO;
  if (int status = git_remote_connect_ext(remote.get(), GIT_DIRECTION_FETCH, &connect); status < 0)
    return fetch_error(session, status);
  const git_remote_head** heads = nullptr;
  size_t count = 0;
  if (int status = git_remote_ls(&heads, &count, remote.get()); status < 0)
    return fetch_error(session, status);
  std::optional<git_oid> head;
  if (wanted.commit.empty()) {
    head = find_head(heads, count, wanted);
    if (!head) return unknown_revision(session.repository, wanted, count);
    if (has_commit(repository, *head)) return text_of(*head);
  }
  if (count == 0) return unknown_revision(session.repository, wanted, count);
  if (int status = download(remote.get(), session, dir); status < 0)
    return fetch_error(session, status);
  if (head) {
    if (!has_commit(repository, *head))
      return make_error(ec::unknown_reference, "tag \"" + wanted.tag + wanted.branch + "\" of \""
                                                   + to_string(session.repository.url)
                                                   + "\" is not a commit");
    return text_of(*head);
  }
  auto found = find_commit(repository, wanted.commit);
  if (!found) return found.error();
  if (!*found) return unknown_revision(session.repository, wanted, count);
  return **found;
}

} // namespace

result<std::string> fetch_commit(const std::string& dir, const admitted_repository& repository,
                                 const revision& wanted, const fetch_limits& most,
                                 const std::function<void(const std::string&)>& progress) {
  if (int(!wanted.branch.empty()) + int(!wanted.tag.empty()) + int(!wanted.commit.empty()) > 1)
    return make_error(ec::bad_value, "more than one of branch, tag and commit is given",
                      "leave out all but one");
  auto prefix = lower_case(wanted.commit);
  if (!prefix.empty() && (prefix.size() < 7 || prefix.size() > GIT_OID_HEXSZ || !is_hex(prefix)))
    return make_error(ec::unknown_reference,
                      "\"" + wanted.commit + "\" is not a commit: 7 to 40 hexadecimal digits are",
                      "use branch or tag for a name");
  if (auto ready = use_git(); !ready) return ready.error();
  auto mirror = open_mirror(dir);
  if (!mirror) return mirror.error();
  if (!prefix.empty()) {
    auto found = find_commit(mirror->get(), prefix);
    if (!found) return found.error();
    if (*found) return **found;
  }
  fetch_session session{repository, most, progress};
  connection_scope scope{session.guard};
  return fetch_from_remote(mirror->get(), session, {wanted.branch, wanted.tag, prefix}, dir);
}

} // namespace flow::codeloader
