#include "codeloader/container.hpp"

#include <unistd.h>

namespace flow::codeloader {

std::string oci_runtime() {
  for (const char* path : {"/usr/bin/crun", "/usr/bin/runc", "/usr/sbin/runc", "/usr/bin/podman"})
    if (::access(path, X_OK) == 0) return path;
  return {};
}

result<void> check_image(const std::string& image) {
  if (image.empty()) return {};
  auto runtime = oci_runtime();
  auto why = runtime.empty()
                 ? std::string{"this node has no OCI runtime (crun, runc or podman)"}
                 : "this version of the node does not run images, though the OCI runtime " + runtime
                       + " is here";
  return make_error(ec::sandbox_unavailable, "the image \"" + image + "\" cannot be run: " + why,
                    "leave the image out: the node's own sandbox isolates the processor");
}

} // namespace flow::codeloader
