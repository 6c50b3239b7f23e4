#define CAF_SUITE flows.endpoint

#include "flows/endpoint.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;

CAF_TEST(names and both kinds of addresses are read) {
  CAF_CHECK((*parse_endpoint("127.0.0.1:7717") == endpoint{"127.0.0.1", 7717}));
  CAF_CHECK((*parse_endpoint("[::1]:80") == endpoint{"::1", 80}));
  CAF_CHECK((*parse_endpoint("node.example:0") == endpoint{"node.example", 0}));
}

CAF_TEST(what is written is what was read) {
  for (auto* text : {"127.0.0.1:7717", "[::1]:80", "node.example:65535"})
    CAF_CHECK_EQUAL(to_string(*parse_endpoint(text)), text);
}

CAF_TEST(anything else is refused with the text as typed) {
  for (auto* text : {"", "localhost", ":80", "::1:80", "a:65536", "a:-1", "a:8o",
                     "a:", "http://a:80", "a b:1", "[]:1"}) {
    auto got = parse_endpoint(text);
    CAF_REQUIRE(!got);
    CAF_CHECK(got.error().code == ec::bad_usage);
    CAF_CHECK(got.error().text.find(text) != std::string::npos);
    CAF_CHECK(!got.error().hint.empty());
  }
}

CAF_TEST(only this machine is loopback) {
  for (auto* host : {"localhost", "127.0.0.1", "127.8.9.1", "::1"})
    CAF_CHECK(is_loopback(host));
  for (auto* host : {"0.0.0.0", "::", "10.0.0.1", "node", "127.0.0.1.example"})
    CAF_CHECK(!is_loopback(host));
  CAF_CHECK(is_ip_address("10.0.0.1"));
  CAF_CHECK(is_ip_address("fe80::1"));
  CAF_CHECK(!is_ip_address("localhost"));
}
