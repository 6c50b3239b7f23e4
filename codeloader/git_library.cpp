#include "codeloader/git_library.hpp"

#include <cstdlib>

#include <git2.h>
#include <git2/sys/stream.h>

#include "flows/limits.hpp"

namespace flow::codeloader {

namespace {

/// libgit2's constructor of streams takes no payload; a fetch runs on one thread from its beginning
/// to its end.
thread_local connection_guard* current_guard = nullptr;

/// Begins like libgit2's own socket stream, because its ssh transport reads the descriptor out of
/// that struct.
struct socket_stream {
  git_stream parent;
  char* host;
  char* port;
  int fd;
  std::unique_ptr<guarded_socket> socket;
};

socket_stream& self(git_stream* stream) {
  return *reinterpret_cast<socket_stream*>(stream);
}

int told(const guarded_socket& socket) {
  git_error_set_str(GIT_ERROR_NET, socket.why().c_str());
  return -1;
}

int stream_connect(git_stream* stream) {
  auto& s = self(stream);
  if (!s.socket->connect()) return told(*s.socket);
  s.fd = s.socket->fd();
  return 0;
}

ssize_t stream_read(git_stream* stream, void* to, size_t size) {
  auto n = self(stream).socket->read(to, size);
  return n < 0 ? told(*self(stream).socket) : n;
}

ssize_t stream_write(git_stream* stream, const char* from, size_t size, int) {
  auto n = self(stream).socket->write(from, size);
  return n < 0 ? told(*self(stream).socket) : n;
}

int stream_close(git_stream* stream) {
  self(stream).socket->close();
  self(stream).fd = -1;
  return 0;
}

void stream_free(git_stream* stream) {
  delete &self(stream);
}

int make_stream(git_stream** out, const char* host, const char* port) {
  if (current_guard == nullptr) {
    git_error_set_str(GIT_ERROR_NET, "a connection outside of a fetch");
    return -1;
  }
  auto stream = std::make_unique<socket_stream>();
  stream->parent.version = GIT_STREAM_VERSION;
  stream->parent.connect = stream_connect;
  stream->parent.read = stream_read;
  stream->parent.write = stream_write;
  stream->parent.close = stream_close;
  stream->parent.free = stream_free;
  stream->fd = -1;
  stream->socket = std::make_unique<guarded_socket>(*current_guard, host, port);
  *out = &stream.release()->parent;
  return 0;
}

/// Once a process; libgit2 stays until its end.
int start_library() {
  int status = git_libgit2_init();
  if (status < 0) return status;
  // Nothing of the machine's git configuration changes what a fetch means (insteadOf, proxies, ssl
  // settings).
  for (int level : {GIT_CONFIG_LEVEL_PROGRAMDATA, GIT_CONFIG_LEVEL_SYSTEM, GIT_CONFIG_LEVEL_XDG,
                    GIT_CONFIG_LEVEL_GLOBAL})
    git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, "");
  // The policy decides which paths may be read; who owns them does not.
  git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
  git_libgit2_opts(GIT_OPT_ENABLE_FSYNC_GITDIR, 1);
  git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECT_SIZE,
                   static_cast<size_t>(limits::git_object_bytes_max));
  git_libgit2_opts(GIT_OPT_SET_PACK_MAX_OBJECTS, static_cast<size_t>(limits::git_objects_max));
  const char* certificates = std::getenv("SSL_CERT_FILE");
  if (certificates != nullptr && *certificates != '\0')
    git_libgit2_opts(GIT_OPT_SET_SSL_CERT_LOCATIONS, certificates, nullptr);
  git_stream_registration streams{};
  streams.version = GIT_STREAM_VERSION;
  streams.init = make_stream;
  return git_stream_register(GIT_STREAM_STANDARD, &streams);
}

} // namespace

void git_deleter::operator()(git_blob* handle) const {
  git_blob_free(handle);
}
void git_deleter::operator()(git_object* handle) const {
  git_object_free(handle);
}
void git_deleter::operator()(git_odb* handle) const {
  git_odb_free(handle);
}
void git_deleter::operator()(git_remote* handle) const {
  git_remote_free(handle);
}
void git_deleter::operator()(git_repository* handle) const {
  git_repository_free(handle);
}
void git_deleter::operator()(git_tree* handle) const {
  git_tree_free(handle);
}

std::string text_of(const git_oid& id) {
  char hex[GIT_OID_HEXSZ + 1];
  return git_oid_tostr(hex, sizeof hex, &id);
}

result<void> use_git() {
  static const int status = start_library();
  if (status < 0) return make_error(ec::internal, "libgit2 does not start");
  return {};
}

error error_of_git(int status, std::string_view what, ec otherwise) {
  const auto* last = git_error_last();
  std::string text
      = std::string{what} + ": "
        + (last != nullptr && last->message != nullptr ? last->message : "no reason given");
  int kind = last != nullptr ? last->klass : GIT_ERROR_NONE;
  if (status == GIT_ECERTIFICATE)
    return make_error(ec::unknown_repository, text,
                      kind == GIT_ERROR_SSH
                          ? "put the server's key into the known_hosts file of the node's user"
                          : "the server's certificate is not signed by anyone this machine trusts");
  if (status == GIT_EAUTH)
    return make_error(ec::unknown_repository, text, "the repository is private or does not exist");
  if (kind == GIT_ERROR_OS && otherwise == ec::unknown_repository)
    return make_error(ec::unknown_repository, text);
  if (kind == GIT_ERROR_OS || kind == GIT_ERROR_FILESYSTEM) return make_error(ec::store_io, text);
  return make_error(otherwise, text,
                    otherwise == ec::unknown_repository
                        ? "check the address, and that this machine reaches the host"
                        : "");
}

connection_scope::connection_scope(connection_guard& guard) {
  current_guard = &guard;
}

connection_scope::~connection_scope() {
  current_guard = nullptr;
}

} // namespace flow::codeloader
