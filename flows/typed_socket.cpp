#include "flows/typed_socket.hpp"

namespace flow {

namespace {

/// The value of `key` in an answer; empty if it has none.
std::string_view field(const value& answer, std::string_view key) {
  cbor::reader r{answer.cbor};
  auto pairs = r.map();
  for (uint64_t i = 0; i < pairs && !r.failed(); ++i) {
    auto name = r.text();
    auto item = r.raw();
    if (name == key && !r.failed()) return item;
  }
  return {};
}

} // namespace

result<void> check_positional(const client& over, const std::string& socket, size_t count) {
  auto answer = over.request("socket.resolve",
                             value_of(std::map<std::string, std::string>{{"name", socket}}));
  if (!answer) return answer.error();
  auto known = field(*answer, "signature");
  // Not known before the module is loaded; the node checks each call in any case.
  if (known.empty() || cbor::reader{known}.peek() == cbor::kind::null) return {};
  auto sig = signature_of_value(value{std::string{known}});
  if (!sig) return sig.error();
  return check_arguments(*sig, make_arguments(std::vector<value>(count)));
}

} // namespace flow
