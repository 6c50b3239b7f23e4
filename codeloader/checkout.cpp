#include "codeloader/checkout.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "codeloader/descriptor.hpp"
#include "codeloader/file_tree.hpp"
#include "codeloader/repository_url.hpp"

namespace flow::codeloader {

namespace {

namespace fs = std::filesystem;

/// As many links as Linux follows in one path.
constexpr unsigned links_followed_max = 40;
/// Leaves room in PATH_MAX for the directory that holds the checkout.
constexpr size_t path_bytes_max = 3'000;

error escape(const std::string& path, std::string_view why) {
  return make_error(ec::path_escapes, "\"" + path + "\" in the repository " + std::string{why},
                    "remove it from the repository");
}

/// Names that mean something else than a file to git or to the system.
bool is_safe_name(std::string_view name) {
  if (name.empty() || name.size() > 255 || name == "." || name == "..") return false;
  if (name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos)
    return false;
  auto lower = lower_case(name);
  return lower != ".git" && lower != "git~1";
}

class checkout_writer {
public:
  checkout_writer(commit_tree& tree, const checkout_limits& most) : tree_{tree}, most_{most} {}

  result<void> write(int root) {
    if (auto written = write_directory(root, tree_.root(), "", 0); !written) return written;
    // Links come last, so that nothing is ever written through one.
    for (const auto& link : links_)
      if (auto made = make_link(root, link); !made) return made;
    return {};
  }

private:
  struct pending_link {
    std::string path;
    std::string target;
  };

  result<void> write_directory(int directory, const std::string& id, const std::string& path,
                               unsigned depth);
  result<void> write_entry(int directory, const tree_entry& entry, const std::string& path,
                           unsigned depth);
  result<void> write_file(int directory, const tree_entry& entry, const std::string& path);
  result<std::string> read(const tree_entry& entry, const std::string& path);
  static result<void> make_link(int root, const pending_link& link);

  commit_tree& tree_;
  const checkout_limits& most_;
  std::vector<pending_link> links_;
  uint64_t files_ = 0;
  uint64_t bytes_ = 0;
};

result<void> checkout_writer::write_directory(int directory, const std::string& id,
                                              const std::string& path, unsigned depth) {
  if (depth > limits::checkout_depth_max)
    return make_error(ec::payload_too_large, "the repository has more than "
                                                 + std::to_string(limits::checkout_depth_max)
                                                 + " directories inside each other");
  auto entries = tree_.entries(id);
  if (!entries) return entries.error();
  for (const auto& entry : *entries) {
    auto below = path.empty() ? entry.name : path + "/" + entry.name;
    if (!is_safe_name(entry.name))
      return escape(printable_url(below), "has a name that no file may have");
    if (below.size() > path_bytes_max)
      return make_error(ec::payload_too_large, "\"" + printable_url(below)
                                                   + "\" in the repository is a path longer than "
                                                   + std::to_string(path_bytes_max) + " bytes");
    if (++files_ > most_.files)
      return make_error(ec::payload_too_large,
                        "the repository has more than " + std::to_string(most_.files) + " files");
    if (auto written = write_entry(directory, entry, below, depth); !written) return written;
  }
  return {};
}

result<void> checkout_writer::write_entry(int directory, const tree_entry& entry,
                                          const std::string& path, unsigned depth) {
  switch (entry.kind) {
  case entry_kind::directory:
  case entry_kind::submodule: {
    if (::mkdirat(directory, entry.name.c_str(), 0700) != 0)
      return errno == EEXIST ? escape(path, "occurs twice")
                             : file_error("cannot make directory \"" + path + "\"");
    if (entry.kind == entry_kind::submodule) return {};
    descriptor below{
        ::openat(directory, entry.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
    if (!below) return file_error("cannot open directory \"" + path + "\"");
    if (auto written = write_directory(below.get(), entry.object, path, depth + 1); !written)
      return written;
    return {};
  }
  case entry_kind::file:
  case entry_kind::executable:
    return write_file(directory, entry, path);
  case entry_kind::symlink: {
    auto target = read(entry, path);
    if (!target) return target.error();
    if (target->empty() || target->size() >= PATH_MAX || target->find('\0') != std::string::npos)
      return escape(path, "is a link without a proper target");
    links_.push_back({path, std::move(*target)});
    return {};
  }
  case entry_kind::unknown:
    break;
  }
  return escape(path, "is neither file, link nor directory");
}

result<std::string> checkout_writer::read(const tree_entry& entry, const std::string& path) {
  auto size = tree_.size_bytes(entry.object);
  if (!size) return size.error();
  bytes_ += *size;
  if (*size > most_.file_bytes)
    return make_error(ec::payload_too_large, "\"" + path + "\" in the repository is larger than "
                                                 + std::to_string(most_.file_bytes) + " bytes");
  if (bytes_ > most_.bytes)
    return make_error(ec::payload_too_large, "the repository's files are larger than "
                                                 + std::to_string(most_.bytes) + " bytes");
  return tree_.content(entry.object);
}

result<void> checkout_writer::write_file(int directory, const tree_entry& entry,
                                         const std::string& path) {
  auto content = read(entry, path);
  if (!content) return content.error();
  descriptor file{::openat(directory, entry.name.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!file)
    return errno == EEXIST ? escape(path, "occurs twice")
                           : file_error("cannot write \"" + path + "\"");
  for (std::string_view rest = *content; !rest.empty();) {
    auto n = ::write(file.get(), rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return file_error("cannot write \"" + path + "\"");
    rest.remove_prefix(static_cast<size_t>(n));
  }
  if (::fchmod(file.get(), entry.kind == entry_kind::executable ? 0555 : 0444) != 0)
    return file_error("cannot protect \"" + path + "\"");
  return {};
}

result<void> checkout_writer::make_link(int root, const pending_link& link) {
  // No link stands on the way: those made so far have names that no directory of the tree has.
  if (::symlinkat(link.target.c_str(), root, link.path.c_str()) == 0) return {};
  return errno == EEXIST ? escape(link.path, "occurs twice")
                         : file_error("cannot make link \"" + link.path + "\"");
}

/// Follows a link by hand, component by component, as the kernel would if `root` were all there is.
result<void> check_link(const fs::path& root, const fs::path& link) {
  auto shown = link.lexically_relative(root).string();
  std::vector<std::string> at;   // where we stand, below root
  std::vector<std::string> todo; // what is still to be walked, last first
  auto push = [&](const std::string& path) {
    std::vector<std::string> parts;
    for (const auto& part : fs::path{path})
      parts.push_back(part.string());
    todo.insert(todo.end(), parts.rbegin(), parts.rend());
  };
  push(shown);
  unsigned links = 0;
  while (!todo.empty()) {
    auto part = std::move(todo.back());
    todo.pop_back();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      if (at.empty()) return escape(shown, "is a link that leads out of it");
      at.pop_back();
      continue;
    }
    at.push_back(part);
    fs::path here = root;
    for (const auto& name : at)
      here /= name;
    std::error_code failure;
    if (fs::symlink_status(here, failure).type() != fs::file_type::symlink)
      continue; // missing ones too: nothing is behind them
    if (++links > links_followed_max) return escape(shown, "is a link that goes in circles");
    auto target = fs::read_symlink(here, failure);
    if (failure)
      return make_error(ec::store_io,
                        "link \"" + shown + "\" cannot be read: " + failure.message());
    if (target.is_absolute()) return escape(shown, "is a link to an absolute path");
    at.pop_back();
    push(target.string());
  }
  return {};
}

result<void> write_and_protect(commit_tree& tree, const fs::path& half,
                               const checkout_limits& most) {
  if (::mkdir(half.c_str(), 0700) != 0)
    return file_error("cannot make directory \"" + half.string() + "\"");
  descriptor root{::open(half.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)};
  if (!root) return file_error("cannot open directory \"" + half.string() + "\"");
  if (auto written = checkout_writer{tree, most}.write(root.get()); !written) return written;
  if (auto checked = check_checkout(half.string()); !checked) return checked;
  return set_modes(half.string(), read_only_tree);
}

} // namespace

result<void> check_checkout(const std::string& root) {
  std::error_code failure;
  fs::recursive_directory_iterator it{root, failure};
  for (; !failure && it != fs::recursive_directory_iterator{}; it.increment(failure)) {
    auto type = it->symlink_status(failure).type();
    if (type == fs::file_type::symlink) {
      if (auto checked = check_link(root, it->path()); !checked) return checked;
    } else if (type != fs::file_type::regular && type != fs::file_type::directory) {
      return escape(it->path().lexically_relative(root).string(),
                    "is neither file, link nor directory");
    }
  }
  if (failure)
    return make_error(ec::store_io, "\"" + root + "\" cannot be read: " + failure.message());
  return {};
}

result<void> write_checkout(commit_tree& tree, const std::string& target,
                            const checkout_limits& most) {
  std::error_code failure;
  if (fs::exists(target, failure)) return {};
  fs::path parent = fs::path{target}.parent_path();
  fs::create_directories(parent, failure);
  fs::path half = target + ".half";
  if (auto removed = remove_tree(half.string()); !removed) return removed;
  auto written = write_and_protect(tree, half, most);
  if (written) written = publish_directory(half.string(), target);
  if (!written) (void)remove_tree(half.string());
  return written;
}

} // namespace flow::codeloader
