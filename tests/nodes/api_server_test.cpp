#define CAF_SUITE nodes.api_server

#include "nodes/api_server.hpp"

#include <cstdlib>
#include <fstream>
#include <random>
#include <thread>

#include "flows/wire.hpp"

#include "fake_node.hpp"
#include "raw_connection.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::test;

namespace {

size_t resident_bytes() {
  std::ifstream statm{"/proc/self/statm"};
  size_t pages = 0;
  size_t resident = 0;
  statm >> pages >> resident;
  return resident * static_cast<size_t>(::sysconf(_SC_PAGESIZE));
}

struct fixture : fake_node {
  fixture() { CAF_REQUIRE(start()); }

  std::string frame(const std::vector<wire::client_message>& messages) {
    std::string items;
    for (auto& m : messages)
      wire::encode(items, m);
    return websocket_frame(wire::frame_of(messages.size(), items));
  }
  std::string hello() { return frame({wire::client_hello{1, 0, std::string(16, 's'), "raw"}}); }

  /// A connection that is upgraded and greeted.
  raw_connection greeted(int receive_bytes = 0) {
    raw_connection connection{server->port(), receive_bytes};
    connection.send(upgrade_request());
    CAF_CHECK(connection.receive_until("\r\n\r\n").starts_with("HTTP/1.1 101"));
    connection.send(hello());
    CAF_CHECK(connection.receive_until("admin").find("n1") != std::string::npos);
    return connection;
  }
  /// The server must not have noticed what happened before.
  void check_alive() {
    CAF_CHECK(ask_once(server->port(), "GET", "/healthz", "").starts_with("HTTP/1.1 200"));
  }
  std::string post_call(const std::string& body, std::string headers = std::string{as_admin}) {
    return ask_once(server->port(), "POST", "/api/v1/calls", headers, body);
  }
};

bool contains(const std::string& text, std::string_view part) {
  if (text.find(part) != std::string::npos) return true;
  CAF_MESSAGE("not found: " << std::string{part} << " in: " << text);
  return false;
}

/// The value of a text field in a JSON body, without a parser.
std::string field(const std::string& json, const std::string& name) {
  auto at = json.find("\"" + name + "\"");
  if (at == std::string::npos) return {};
  auto begin = json.find('"', json.find(':', at)) + 1;
  return json.substr(begin, json.find('"', begin) - begin);
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(api_server_tests, fixture)

// -- health and HTTP ----------------------------------------------------------

CAF_TEST(health needs no token and says what is wrong) {
  auto green = ask_once(server->port(), "GET", "/healthz", "");
  CAF_CHECK(contains(green, "200 OK"));
  CAF_CHECK_EQUAL(field(green, "status"), "green");
  health.problems = {"the journal has stalled for 3 s"};
  auto red = ask_once(server->port(), "GET", "/healthz", "");
  CAF_CHECK(contains(red, "503 Service Unavailable"));
  CAF_CHECK_EQUAL(field(red, "status"), "red");
  CAF_CHECK(contains(red, "the journal has stalled"));
  auto head = ask_once(server->port(), "HEAD", "/healthz", "");
  CAF_CHECK(contains(head, "503"));
  CAF_CHECK(head.ends_with("\r\n\r\n"));
}

CAF_TEST(a connection serves several requests) {
  raw_connection connection{server->port()};
  for (int i = 0; i < 3; ++i) {
    connection.send(http_request("GET", "/healthz"));
    CAF_CHECK(contains(connection.receive_until("}"), "green"));
  }
}

CAF_TEST(without the right token nothing is served and the body is not read) {
  for (auto* headers : {"", "Authorization: Bearer wrong\r\n", "Authorization: Basic secret\r\n",
                        "Authorization: secret\r\n"}) {
    auto answer
        = ask_once(server->port(), "POST", "/api/v1/calls", headers, R"({"socket": "shop.price"})");
    CAF_CHECK(contains(answer, "401 Unauthorized"));
    CAF_CHECK(contains(answer, "WWW-Authenticate: Bearer"));
    CAF_CHECK_EQUAL(field(answer, "code"), "F0401");
  }
  raw_connection stream{server->port()};
  stream.send(upgrade_request("Authorization: Bearer wrong\r\n"));
  CAF_CHECK(contains(stream.receive_all(), "401"));
  CAF_CHECK_EQUAL(calls->submissions, 0u);
}

CAF_TEST(names of others and pages of others are refused) {
  auto with_host = [&](const std::string& host, const std::string& more = {}) {
    raw_connection connection{server->port()};
    connection.send("GET /healthz HTTP/1.1\r\nConnection: close\r\nHost: " + host + "\r\n" + more
                    + "\r\n");
    return connection.receive_all();
  };
  for (auto* host : {"localhost", "LOCALHOST:80", "127.0.0.1:7717", "[::1]:7717", "10.1.2.3"})
    CAF_CHECK(contains(with_host(host), "200 OK"));
  for (auto* host :
       {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "[evil]", ""})
    CAF_CHECK(contains(with_host(host), "403 Forbidden"));
  CAF_CHECK(contains(with_host("localhost:1", "Origin: http://localhost:1\r\n"), "200 OK"));
  CAF_CHECK(contains(with_host("localhost:1", "Origin: http://evil.example\r\n"), "403"));
  CAF_CHECK(contains(with_host("localhost:1", "Origin: null\r\n"), "403"));
  raw_connection none{server->port()};
  none.send("GET /healthz HTTP/1.1\r\n\r\n");
  CAF_CHECK(contains(none.receive_all(), "400"));
}

CAF_TEST(what is no HTTP ends the connection and nothing else) {
  const auto seed = std::random_device{}();
  CAF_MESSAGE("seed " << seed);
  std::mt19937 random{seed};
  for (int round = 0; round < 50; ++round) {
    raw_connection connection{server->port()};
    std::string noise(1 + random() % 20'000, '\0');
    for (auto& c : noise)
      c = static_cast<char>(random());
    connection.send(noise + "\r\n\r\n");
    CAF_CHECK(connection.is_closed_by_peer());
  }
  raw_connection tls{server->port()};
  tls.send("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello tls\r\n\r\n");
  CAF_CHECK(tls.is_closed_by_peer());
  check_alive();
}

CAF_TEST(a header that is too large or never ends is refused) {
  raw_connection connection{server->port()};
  connection.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(64 << 10, 'x'));
  CAF_CHECK(contains(connection.receive_until("\r\n"), "431"));
  check_alive();
}

CAF_TEST(an announced body is not believed) {
  auto before = resident_bytes();
  raw_connection large{server->port()};
  large.send("POST /api/v1/calls HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4294967296\r\n"
             + std::string{as_admin} + "\r\n{");
  CAF_CHECK(contains(large.receive_until("\r\n"), "413"));
  std::vector<raw_connection> many;
  for (int i = 0; i < 50; ++i) {
    many.emplace_back(server->port());
    many.back().send(
        "POST /api/v1/calls HTTP/1.1\r\nHost: localhost\r\nContent-Length: 67108864\r\n"
        + std::string{as_admin} + "\r\n{");
  }
  check_alive();
  CAF_CHECK_LESS(resident_bytes(), before + (32u << 20));
}

// -- REST ---------------------------------------------------------------------

CAF_TEST(a posted call is created and can be shown) {
  auto created = post_call(
      R"({"socket": "shop.price", "args": ["tea", 2], "kwargs": {"q": 1.5}, "priority": 7, "key": "order-17"})");
  CAF_CHECK(contains(created, "201 Created"));
  auto id = field(created, "id");
  CAF_CHECK(contains(created, "Location: /api/v1/calls/" + id));
  CAF_CHECK_EQUAL(field(created, "state"), "queued");
  auto& sent = calls->last.back();
  CAF_CHECK_EQUAL(sent.args.positional, "\x82\x63tea\x02");
  CAF_CHECK_EQUAL(int{sent.options.priority}, 7);
  CAF_CHECK_EQUAL(sent.options.key, "order-17");
  CAF_CHECK(!sent.push_end);
  auto shown = ask_once(server->port(), "GET", "/api/v1/calls/" + id);
  CAF_CHECK(contains(shown, "200 OK"));
  CAF_CHECK_EQUAL(field(shown, "state"), "finished");
}

CAF_TEST(a posted call that is waited for brings its result) {
  auto done = post_call(R"({"socket": "shop.price", "args": ["tea", 2], "wait_ms": 30000})");
  CAF_CHECK(contains(done, "200 OK"));
  CAF_CHECK_EQUAL(field(done, "state"), "finished");
  CAF_CHECK(contains(done, R"(["tea")"));
  calls->set(call_book::mode::hold);
  auto slow = post_call(R"({"socket": "shop.price", "wait_ms": 20})");
  CAF_CHECK(contains(slow, "201 Created"));
  CAF_CHECK(!field(slow, "id").empty());
}

CAF_TEST(waiting for a call by its id ends with the call) {
  calls->set(call_book::mode::hold);
  auto id = field(post_call(R"({"socket": "shop.price", "args": ["late"]})"), "id");
  std::string shown;
  std::thread asker{
      [&] { shown = ask_once(server->port(), "GET", "/api/v1/calls/" + id + "?wait_ms=30000"); }};
  CAF_CHECK(calls->arrived.reaches(2));
  calls->release();
  asker.join();
  CAF_CHECK_EQUAL(field(shown, "state"), "finished");
  // And with its time.
  calls->set(call_book::mode::hold);
  auto other = field(post_call(R"({"socket": "shop.price"})"), "id");
  auto running = ask_once(server->port(), "GET", "/api/v1/calls/" + other + "?wait_ms=20");
  CAF_CHECK(contains(running, "200 OK"));
  CAF_CHECK_EQUAL(field(running, "state"), "running");
}

CAF_TEST(mistakes in a call are told as problems) {
  struct {
    const char* body;
    const char* status;
    const char* code;
    const char* text;
  } const cases[] = {
      {R"({"socket": "shop.prise"})", "404", "F0301", "shop.price"},
      {R"({"socket": "shop.price", "arg": []})", "400", "F0112", "args"},
      {R"({"socket": "shop.price", "args": {}})", "400", "F0102", "args"},
      {R"({"socket": "shop.price", "priority": 10})", "400", "F0102", "priority"},
      {R"({"args": []})", "400", "F0102", "socket"},
      {R"([])", "400", "F0102", "object"},
      {R"({"socket": )", "400", "F0102", ""},
      {"", "400", "F0102", ""},
  };
  for (auto& one : cases) {
    auto answer = post_call(one.body);
    CAF_CHECK(contains(answer, std::string{"HTTP/1.1 "} + one.status));
    CAF_CHECK(contains(answer, "application/problem+json"));
    CAF_CHECK_EQUAL(field(answer, "code"), one.code);
    CAF_CHECK(contains(answer, one.text));
  }
  calls->set(call_book::mode::refuse);
  auto full = post_call(R"({"socket": "shop.price"})");
  CAF_CHECK(contains(full, "HTTP/1.1 429"));
  CAF_CHECK(contains(full, "retryable\":true"));
}

CAF_TEST(verbs are run for the user of the token and checked against rights) {
  auto answer = ask_once(server->port(), "POST", "/api/v1/verbs/object.list", std::string{as_admin},
                         R"({"kind": "queue"})");
  CAF_CHECK(contains(answer, "200 OK"));
  CAF_CHECK_EQUAL(field(answer, "kind"), "queue");
  CAF_CHECK_EQUAL(verbs->users.back(), "admin");
  auto seen = ask_once(server->port(), "POST", "/api/v1/verbs/object.list", std::string{as_reader},
                       R"({"kind": "queue"})");
  CAF_CHECK(contains(seen, "200 OK"));
  auto asked = verbs->asked.now();
  auto hidden = ask_once(server->port(), "POST", "/api/v1/verbs/object.list",
                         std::string{as_reader}, R"({"kind": "user"})");
  CAF_CHECK(contains(hidden, "HTTP/1.1 403"));
  CAF_CHECK(contains(hidden, "LS_USERS"));
  CAF_CHECK(contains(post_call(R"({"socket": "shop.price"})", std::string{as_reader}), "RUN_TASK"));
  auto unknown
      = ask_once(server->port(), "POST", "/api/v1/verbs/object.lst", std::string{as_admin}, "{}");
  CAF_CHECK(contains(unknown, "HTTP/1.1 404"));
  CAF_CHECK(contains(unknown, "object.list"));
  CAF_CHECK_EQUAL(verbs->asked.now(), asked);
  CAF_CHECK(contains(ask_once(server->port(), "POST", "/api/v1/verbs/queue.purge",
                              std::string{as_admin}, R"({"name": "q"})"),
                     "F0302"));
}

CAF_TEST(lists cancels and wrong methods) {
  auto listed = ask_once(server->port(), "GET",
                         "/api/v1/calls?filter=state%20%3D%20failed&limit=5&unfinished=true");
  CAF_CHECK_EQUAL(field(listed, "filter"), "state = failed");
  CAF_CHECK(contains(listed, "\"limit\":5"));
  CAF_CHECK(contains(ask_once(server->port(), "GET", "/api/v1/calls?limt=5"), "F0112"));
  CAF_CHECK(contains(ask_once(server->port(), "GET", "/api/v1/calls?limit=x"), "F0102"));
  CAF_CHECK(
      contains(ask_once(server->port(), "DELETE", "/api/v1/calls/0190"), "\"ids\":[\"0190\"]"));
  auto wrong = ask_once(server->port(), "PUT", "/api/v1/calls", std::string{as_admin}, "{}");
  CAF_CHECK(contains(wrong, "HTTP/1.1 405"));
  CAF_CHECK(contains(wrong, "Allow: GET, POST"));
  CAF_CHECK(contains(ask_once(server->port(), "GET", "/nothing"), "HTTP/1.1 404"));
  CAF_CHECK(contains(ask_once(server->port(), "GET", "/api/v1/stream"), "HTTP/1.1 426"));
}

CAF_TEST(a session of REST ends with its answer) {
  post_call(R"({"socket": "shop.price"})");
  CAF_CHECK(verbs->sessions_ended.reaches(1));
}

// -- frames -------------------------------------------------------------------

CAF_TEST(garbage in a frame ends that connection alone) {
  auto healthy = greeted();
  for (auto& payload : {std::string{"\xff\xff\xff"}, std::string{"\x81\x82\x18\x63\x01", 5},
                        std::string{"hello"}}) {
    auto bad = greeted();
    bad.send(websocket_frame(payload));
    CAF_CHECK(bad.is_closed_by_peer());
  }
  auto text = greeted();
  text.send(websocket_frame("hello", 1));
  CAF_CHECK(text.is_closed_by_peer());
  healthy.send(frame({wire::request{1, "node.status", value{"\xa1\x61z\x61Z"}}}));
  CAF_CHECK(contains(healthy.receive_until("zaZ"), "zaZ"));
}

CAF_TEST(a frame is not believed before it is there) {
  auto before = resident_bytes();
  auto huge = greeted();
  huge.send(websocket_head(4ull << 30));
  CAF_CHECK(huge.is_closed_by_peer());
  auto largest = greeted();
  largest.send(websocket_head(0xffff'ffff'ffff'ffff >> 1));
  CAF_CHECK(largest.is_closed_by_peer());
  // Within the limit, but only announced.
  std::vector<raw_connection> many;
  for (int i = 0; i < 20; ++i) {
    many.push_back(greeted());
    many.back().send(websocket_head(limits::api_frame_bytes_max) + "\x80");
  }
  check_alive();
  CAF_CHECK_LESS(resident_bytes(), before + (32u << 20));
}

CAF_TEST(messages before hello and a foreign version end the connection) {
  raw_connection early{server->port()};
  early.send(upgrade_request());
  early.receive_until("\r\n\r\n");
  early.send(frame({wire::request{1, "node.status", value{"\xa0"}}}));
  CAF_CHECK(contains(early.receive_until("hello"), "hello"));
  CAF_CHECK(early.is_closed_by_peer());
  raw_connection later{server->port()};
  later.send(upgrade_request());
  later.receive_until("\r\n\r\n");
  later.send(frame({wire::client_hello{2, 0, std::string(16, 's'), "raw"}}));
  CAF_CHECK(contains(later.receive_until("version 2"), "version 2"));
  CAF_CHECK(later.is_closed_by_peer());
  CAF_CHECK_EQUAL(verbs->asked.now(), 0u);
}

CAF_TEST(another subprotocol is refused) {
  raw_connection connection{server->port()};
  auto request = upgrade_request();
  request.replace(request.find("flow.v1"), 7, "flow.v2");
  connection.send(request);
  CAF_CHECK(contains(connection.receive_all(), "426"));
}

CAF_TEST(a client that does not read is cut off and its memory is given back) {
  stop();
  options.send_queue_bytes_max = 4u << 20;
  CAF_REQUIRE(start());
  auto healthy = greeted();
  auto slow = greeted(4'096);
  std::string blob(200 << 10, 'x');
  value params;
  params.cbor.clear();
  cbor::writer{params.cbor}.map(1).text("blob").text(blob);
  // Each request is echoed; without a reader the echoes pile up until the node has enough.
  bool refused = false;
  for (uint64_t i = 1; i <= 200 && !refused; ++i)
    refused = !slow.send(frame({wire::request{i, "node.status", params}}));
  CAF_CHECK(slow.is_closed_by_peer());
  CAF_CHECK(verbs->sessions_ended.reaches(1));
  healthy.send(frame({wire::request{1, "node.status", value{"\xa1\x61z\x61Z"}}}));
  CAF_CHECK(contains(healthy.receive_until("zaZ"), "zaZ"));
}

CAF_TEST(idle connections are cheap and those above the limit are turned away) {
  stop();
  options.connections_max = 201;
  CAF_REQUIRE(start());
  std::vector<raw_connection> idle;
  for (int i = 0; i < 200; ++i)
    idle.push_back(greeted());
  check_alive();
  auto one_more = greeted();
  raw_connection too_many{server->port()};
  too_many.send(http_request("GET", "/healthz"));
  auto answer = too_many.receive_all();
  CAF_CHECK(answer.empty() || contains(answer, "503"));
  one_more.close();
  CAF_CHECK(verbs->sessions_ended.reaches(1));
  check_alive();
}

// -- the server ---------------------------------------------------------------

CAF_TEST(stopping says goodbye to clients and frees the port) {
  auto connection = greeted();
  raw_connection quiet{server->port()};
  stop();
  auto last = connection.receive();
  CAF_REQUIRE(last.size() >= 4);
  CAF_CHECK_EQUAL(static_cast<uint8_t>(last[0]), 0x88); // close
  CAF_CHECK_EQUAL(static_cast<uint8_t>(last[2]) << 8 | static_cast<uint8_t>(last[3]),
                  1001); // going away
  CAF_CHECK(quiet.is_closed_by_peer());
  CAF_CHECK(start());
}

CAF_TEST(a port that is taken is named) {
  auto second = nodes::make_api_server(options);
  CAF_REQUIRE(!second);
  CAF_CHECK(second.error().code == ec::port_taken);
  CAF_CHECK(contains(second.error().text, options.address));
}

CAF_TEST(an open port without TLS must be asked for) {
  options.address = "0.0.0.0:0";
  auto open = nodes::make_api_server(options);
  CAF_REQUIRE(!open);
  CAF_CHECK(open.error().code == ec::not_allowed);
  options.insecure = true;
  CAF_CHECK(nodes::make_api_server(options).has_value());
}

CAF_TEST_FIXTURE_SCOPE_END()
