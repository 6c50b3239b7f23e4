// What every user of libgit2 in this folder shares: its start, its errors, its handles, its
// connections. Internal: only git_library.cpp, repository.cpp and commit_tree.cpp include it, and
// only they know libgit2.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "codeloader/guarded_socket.hpp"
#include "flows/error.hpp"

struct git_blob;
struct git_object;
struct git_odb;
struct git_oid;
struct git_remote;
struct git_repository;
struct git_tree;

namespace flow::codeloader {

struct git_deleter {
  void operator()(git_blob* handle) const;
  void operator()(git_object* handle) const;
  void operator()(git_odb* handle) const;
  void operator()(git_remote* handle) const;
  void operator()(git_repository* handle) const;
  void operator()(git_tree* handle) const;
};

template <class T>
using git_handle = std::unique_ptr<T, git_deleter>;

/// libgit2 hands out through a pointer to a pointer, and answers with a negative number on failure.
template <class T, class Open>
int open_handle(git_handle<T>& out, Open&& open) {
  T* raw = nullptr;
  int status = std::forward<Open>(open)(&raw);
  out.reset(raw);
  return status;
}

/// 40 hex digits.
std::string text_of(const git_oid& id);

/// Starts the library on first use.
result<void> use_git();

/// The one translation of libgit2's last error. `what` begins the sentence; `otherwise` is the code
/// when the cause says nothing.
error error_of_git(int status, std::string_view what, ec otherwise);

/// While it lives, connections that libgit2 opens on this thread are under `guard`; without one
/// there are none.
class connection_scope {
public:
  explicit connection_scope(connection_guard& guard);
  ~connection_scope();
  connection_scope(const connection_scope&) = delete;
  connection_scope& operator=(const connection_scope&) = delete;
};

} // namespace flow::codeloader
