#include "codeloader/commit_tree.hpp"

#include <git2.h>

#include "codeloader/git_library.hpp"

namespace flow::codeloader {

namespace {

entry_kind kind_of(git_filemode_t mode) {
  switch (mode) {
  case GIT_FILEMODE_TREE:
    return entry_kind::directory;
  case GIT_FILEMODE_BLOB:
    return entry_kind::file;
  case GIT_FILEMODE_BLOB_EXECUTABLE:
    return entry_kind::executable;
  case GIT_FILEMODE_LINK:
    return entry_kind::symlink;
  case GIT_FILEMODE_COMMIT:
    return entry_kind::submodule;
  default:
    return entry_kind::unknown;
  }
}

class git_commit_tree final : public commit_tree {
public:
  git_commit_tree(git_handle<git_repository> repository, git_handle<git_odb> odb, std::string root)
      : repository_{std::move(repository)}, odb_{std::move(odb)}, root_{std::move(root)} {}

  const std::string& root() const override { return root_; }

  result<std::vector<tree_entry>> entries(const std::string& id) override {
    git_oid oid;
    git_oid_fromstr(&oid, id.c_str());
    git_handle<git_tree> tree;
    if (int status = open_handle(
            tree, [&](auto out) { return git_tree_lookup(out, repository_.get(), &oid); });
        status < 0)
      return error_of_git(status, "tree " + id + " cannot be read", ec::unknown_reference);
    std::vector<tree_entry> entries;
    for (size_t i = 0; i < git_tree_entrycount(tree.get()); ++i) {
      const auto* entry = git_tree_entry_byindex(tree.get(), i);
      entries.push_back({git_tree_entry_name(entry), kind_of(git_tree_entry_filemode(entry)),
                         text_of(*git_tree_entry_id(entry))});
    }
    return entries;
  }

  result<uint64_t> size_bytes(const std::string& id) override {
    git_oid oid;
    git_oid_fromstr(&oid, id.c_str());
    size_t size = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    if (int status = git_odb_read_header(&size, &type, odb_.get(), &oid); status < 0)
      return error_of_git(status, "file " + id + " cannot be read", ec::unknown_reference);
    return uint64_t{size};
  }

  result<std::string> content(const std::string& id) override {
    git_oid oid;
    git_oid_fromstr(&oid, id.c_str());
    git_handle<git_blob> blob;
    if (int status = open_handle(
            blob, [&](auto out) { return git_blob_lookup(out, repository_.get(), &oid); });
        status < 0)
      return error_of_git(status, "file " + id + " cannot be read", ec::unknown_reference);
    return std::string(static_cast<const char*>(git_blob_rawcontent(blob.get())),
                       static_cast<size_t>(git_blob_rawsize(blob.get())));
  }

private:
  git_handle<git_repository> repository_;
  git_handle<git_odb> odb_;
  std::string root_;
};

} // namespace

result<std::unique_ptr<commit_tree>> open_commit(const std::string& dir,
                                                 const std::string& commit) {
  if (auto ready = use_git(); !ready) return ready.error();
  git_handle<git_repository> repository;
  if (int status = open_handle(
          repository, [&](auto out) { return git_repository_open_bare(out, dir.c_str()); });
      status < 0)
    return error_of_git(status, "mirror \"" + dir + "\" cannot be opened", ec::unknown_reference);
  git_oid id;
  if (git_oid_fromstr(&id, commit.c_str()) < 0)
    return make_error(ec::unknown_reference, "\"" + commit + "\" is not a full commit id");
  git_handle<git_object> tree;
  git_handle<git_object> object;
  int status = open_handle(object, [&](auto out) {
    return git_object_lookup(out, repository.get(), &id, GIT_OBJECT_COMMIT);
  });
  if (status == 0)
    status = open_handle(
        tree, [&](auto out) { return git_object_peel(out, object.get(), GIT_OBJECT_TREE); });
  if (status < 0)
    return error_of_git(status, "commit " + commit + " cannot be read", ec::unknown_reference);
  auto root = text_of(*git_object_id(tree.get()));
  git_handle<git_odb> odb;
  if (status
      = open_handle(odb, [&](auto out) { return git_repository_odb(out, repository.get()); });
      status < 0)
    return error_of_git(status, "mirror \"" + dir + "\" cannot be read", ec::store_io);
  return std::unique_ptr<commit_tree>{
      std::make_unique<git_commit_tree>(std::move(repository), std::move(odb), std::move(root))};
}

} // namespace flow::codeloader
