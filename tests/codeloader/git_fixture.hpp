// Real repositories in a temporary directory, made with the git command line. Tests may use git;
// the product does not.
#pragma once

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "codeloader/process.hpp"

namespace codeloader_test {

namespace fs = std::filesystem;

/// A directory that is gone afterwards, with what is read-only in it.
class temp_dir {
public:
  temp_dir() {
    std::string name = (fs::temp_directory_path() / "millrace-loader-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = fs::canonical(name);
  }
  ~temp_dir() {
    std::error_code ignored;
    for (fs::recursive_directory_iterator it{path_, ignored};
         it != fs::recursive_directory_iterator{}; it.increment(ignored))
      if (it->symlink_status(ignored).type() == fs::file_type::directory)
        fs::permissions(it->path(), fs::perms::owner_all, ignored);
    fs::remove_all(path_, ignored);
  }
  temp_dir(const temp_dir&) = delete;
  temp_dir& operator=(const temp_dir&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  const fs::path& path() const { return path_; }

private:
  fs::path path_;
};

/// What a program prints on both of its streams, without the last line end. Throws when it fails.
inline std::string output_of(const std::vector<std::string>& argv,
                             const std::string& working_dir = "/",
                             const std::string& input_file = "/dev/null",
                             const std::vector<std::string>& environment = {"PATH=/usr/bin:/bin"}) {
  using namespace flow::codeloader;
  auto pipe = make_pipe();
  descriptor input{::open(input_file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!pipe || !input) throw std::runtime_error("no descriptors for " + argv.at(0));
  process_command command;
  command.argv = argv;
  command.environment = environment;
  command.descriptors = {input.get(), pipe->write.get(), pipe->write.get()};
  command.working_dir = working_dir;
  auto child = start_process(command);
  if (!child) throw std::runtime_error(to_string(child.error()));
  pipe->write.close();
  std::string text;
  std::array<char, 4096> buffer;
  pollfd waiting{pipe->read.get(), POLLIN, 0};
  for (ssize_t n = 1; n > 0 && ::poll(&waiting, 1, -1) == 1;) {
    n = ::read(pipe->read.get(), buffer.data(), buffer.size());
    if (n > 0) text.append(buffer.data(), static_cast<size_t>(n));
  }
  auto exit = reap(*child);
  if (exit.code != 0 || exit.signal != 0)
    throw std::runtime_error(argv.at(0) + " " + argv.at(1) + " failed: " + text);
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

inline std::string text_of_file(const fs::path& path) {
  std::ifstream in{path};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// A repository with a work tree.
class git_repository {
public:
  explicit git_repository(std::string path) : path_{std::move(path)} {
    fs::create_directories(path_);
    git("init -q -b main .");
  }

  const std::string& path() const { return path_; }

  /// Runs git in the work tree, knowing nothing of the machine's configuration: with the words of
  /// `command`, and then with `more`, which may hold spaces.
  std::string git(const std::string& command, const std::vector<std::string>& more = {},
                  const std::string& input_file = "/dev/null") const {
    std::vector<std::string> argv{"/usr/bin/git"};
    std::istringstream words{command};
    for (std::string word; words >> word;)
      argv.push_back(word);
    argv.insert(argv.end(), more.begin(), more.end());
    return output_of(argv, path_, input_file,
                     {"PATH=/usr/bin:/bin", "HOME=/nonexistent", "GIT_CONFIG_GLOBAL=/dev/null",
                      "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=a",
                      "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a",
                      "GIT_COMMITTER_EMAIL=a@example.org", "GIT_AUTHOR_DATE=2024-01-01T00:00:00Z",
                      "GIT_COMMITTER_DATE=2024-01-01T00:00:00Z"});
  }

  void write(const std::string& name, const std::string& content) const {
    fs::create_directories((fs::path{path_} / name).parent_path());
    std::ofstream{fs::path{path_} / name} << content;
  }

  /// Commits everything; the commit's id.
  std::string commit(const std::string& message = "x") const {
    git("add -A");
    git("commit -q --allow-empty -m", {message});
    return git("rev-parse HEAD");
  }

  std::string add(const std::string& name, const std::string& content) const {
    write(name, content);
    return commit("add " + name);
  }

  std::string blob(const std::string& content) const {
    std::ofstream{path_ + "/.git/blob"} << content;
    return git("hash-object -w .git/blob");
  }

  /// Commits a tree from lines of `mode SP type SP id TAB name NUL`, without git's checks of names;
  /// on branch `evil`.
  std::string commit_raw_tree(const std::string& lines) const {
    std::ofstream{path_ + "/.git/lines"} << lines;
    auto tree = git("mktree -z --missing", {}, path_ + "/.git/lines");
    auto commit = git("commit-tree -m evil " + tree);
    git("update-ref refs/heads/evil " + commit);
    return commit;
  }

  /// The same from the bytes of a tree object, which git would not write itself.
  std::string commit_literal_tree(const std::string& bytes) const {
    std::ofstream{path_ + "/.git/tree", std::ios::binary} << bytes;
    auto tree = git("hash-object -w -t tree --literally .git/tree");
    auto commit = git("commit-tree -m evil " + tree);
    git("update-ref refs/heads/evil " + commit);
    return commit;
  }

private:
  std::string path_;
};

/// One entry of a literal tree object.
inline std::string raw_entry(const std::string& mode, const std::string& name,
                             const std::string& hex_id) {
  std::string entry = mode + " " + name + '\0';
  for (size_t i = 0; i < 40; i += 2)
    entry += static_cast<char>(std::stoi(hex_id.substr(i, 2), nullptr, 16));
  return entry;
}

} // namespace codeloader_test
