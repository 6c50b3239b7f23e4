#include "codeloader/descriptor.hpp"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace flow::codeloader {

void descriptor::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

result<pipe_ends> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("make a pipe", errno);
  pipe_ends out{descriptor{ends[0]}, descriptor{ends[1]}};
  // Only our end: the child's programs expect a pipe that blocks.
  if (::fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0) return system_error("make a pipe", errno);
  return out;
}

result<descriptor> make_memory_file(const char* name, std::string_view content) {
  descriptor file{::memfd_create(name, MFD_CLOEXEC)};
  if (!file) return system_error("make a memory file", errno);
  for (size_t done = 0; done < content.size();) {
    auto n = ::write(file.get(), content.data() + done, content.size() - done);
    if (n < 0 && errno != EINTR) return system_error("write a memory file", errno);
    if (n > 0) done += static_cast<size_t>(n);
  }
  if (::lseek(file.get(), 0, SEEK_SET) != 0) return system_error("rewind a memory file", errno);
  return file;
}

error system_error(std::string_view what, int number) {
  return make_error(ec::process_failed, std::string{what} + ": " + std::strerror(number));
}

} // namespace flow::codeloader
