// Whether the steps of a workflow can take what they will be given, as far as the signatures of
// their functions say.
#pragma once

#include <functional>
#include <string>

#include "flows/signature.hpp"
#include "flows/workflow.hpp"

namespace flow {

/// The signature of a socket's function, null while it is not known; or why there is no such
/// socket.
using signature_finder = std::function<result<const signature*>(const std::string& socket)>;

/// `given` values are prepended to the first step. The error of the first step that does not fit,
/// with its path in front: `bad_arguments`, or what `find` said.
result<void> check_workflow(const workflow& what, uint64_t given, const signature_finder& find);

} // namespace flow
