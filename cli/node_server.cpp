#include "cli/node_server.hpp"

#include <algorithm>

namespace flow::cli {
namespace {

class node_server final : public server {
public:
  explicit node_server(client connected) : client_{std::move(connected)} {}

  result<value> request(const std::string& verb, const value& params) override {
    return client_.request(verb, params);
  }

  void submit(const std::string& socket, arguments args, const wire::submit_options& options,
              std::function<void(result<call_id>)> accepted,
              std::function<void(const call_outcome&)> ended) override {
    client_.submit(socket, std::move(args), options, std::move(accepted), std::move(ended));
  }

  result<call_outcome> wait(const call_id& id, std::chrono::milliseconds timeout) override {
    return client_.find(id).wait(timeout);
  }

  result<std::shared_ptr<void>> subscribe(const std::string& channel, const value& params,
                                          std::function<void(const value&)> on_event) override {
    return client_.subscribe(channel, params, std::move(on_event));
  }

private:
  client client_;
};

} // namespace

result<std::unique_ptr<server>> connect_node(const connection_options& options) {
  client_options wanted;
  wanted.address = options.address;
  wanted.token = options.token;
  wanted.name = "flow " MILLRACE_VERSION;
  wanted.connect_timeout = std::min(wanted.connect_timeout, options.request_timeout);
  wanted.request_timeout = options.request_timeout;
  auto connected = client::connect(wanted);
  if (!connected) return connected.error();
  return std::unique_ptr<server>{std::make_unique<node_server>(std::move(*connected))};
}

} // namespace flow::cli
