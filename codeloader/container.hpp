// Container images: what this machine could run them with.
#pragma once

#include <string>

#include "flows/error.hpp"

namespace flow::codeloader {

/// The OCI runtime of this machine: an absolute path, or nothing.
std::string oci_runtime();

/// Whether a processor with this image can run here; an empty name always can.
/// `sandbox_unavailable` with the way out.
result<void> check_image(const std::string& image);

} // namespace flow::codeloader
