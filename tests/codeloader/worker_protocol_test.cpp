#define CAF_SUITE codeloader.worker_protocol

#include <random>

#include "codeloader/worker_protocol.hpp"
#include "flows/cbor.hpp"

#include "caf/test/dsl.hpp"

using namespace flow;
using namespace flow::codeloader;

namespace {

std::string bytes(std::initializer_list<int> list) {
  std::string out;
  for (int each : list)
    out += static_cast<char>(each);
  return out;
}

// The frames in a stream, without lengths.
std::vector<std::string> frames_of(std::string_view stream) {
  frame_splitter splitter;
  splitter.append(stream);
  std::vector<std::string> out;
  while (true) {
    auto frame = splitter.next();
    if (!frame || !*frame) return out;
    out.emplace_back(**frame);
  }
}

template <class T>
T decoded(const std::string& frame) {
  auto message = decode_worker_message(frame);
  if (!message) CAF_FAIL(to_string(message.error()));
  auto* out = std::get_if<T>(&*message);
  if (!out) CAF_FAIL("another kind of message");
  return std::move(*out);
}

bool is_bad(const std::string& frame) {
  auto message = decode_worker_message(frame);
  return !message && message.error().code == ec::bad_frame;
}

std::string results_frame(const std::function<void(cbor::writer&)>& rows, uint64_t n = 1) {
  std::string out;
  cbor::writer w{out};
  w.array(2).unsigned_integer(4).array(n);
  rows(w);
  return out;
}

} // namespace

CAF_TEST(a call is encoded at fixed places) {
  worker_call call;
  call.handle = 0x0102030405060708;
  call.attempt = 9;
  call.function = "f";
  call.args.positional = "\x81\x01";
  std::string out;
  append_calls(out, {&call, 1});
  auto expected = bytes({0, 0, 0, 0x28, 0x82, 0x02, 0x81, 0x86, 0x1b, 1, 2, 3, 4, 5, 6, 7, 8, 0x50})
                  + std::string(16, '\0') + bytes({0x1a, 0, 0, 0, 9, 0x61, 'f', 0x81, 0x01, 0xa0});
  CAF_CHECK_EQUAL(out, expected);
}

CAF_TEST(hello and stop are frames of their own) {
  worker_spec spec;
  spec.module = "shop.orders";
  spec.import_root = "/code";
  spec.replacements = {{"f", "def f(): pass"}};
  std::string out;
  append_hello(out, spec);
  append_stop(out);
  auto frames = frames_of(out);
  CAF_REQUIRE_EQUAL(frames.size(), 2u);
  CAF_CHECK_EQUAL(frames[1], bytes({0x81, 0x03}));
  cbor::reader in{frames[0]};
  CAF_CHECK_EQUAL(in.array(), 3u);
  CAF_CHECK_EQUAL(in.unsigned_integer(), 1u);
  CAF_CHECK_EQUAL(in.unsigned_integer(), worker_protocol_version);
  auto settings = in.map();
  std::map<std::string, std::string> all;
  for (uint64_t i = 0; i < settings; ++i) {
    auto key = std::string{in.text()};
    all[key] = in.raw();
  }
  CAF_CHECK(in.finish("hello").has_value());
  CAF_CHECK_EQUAL(all["module"], "\x6bshop.orders");
  CAF_CHECK_EQUAL(all["import_path"], "\x81\x65/code");
  CAF_CHECK_EQUAL(all["replacements"], "\xa1\x61"
                                       "f\x6d"
                                       "def f(): pass");
  cbor::reader depth{all["depth_max"]};
  CAF_CHECK_EQUAL(depth.unsigned_integer(), limits::value_depth_max);
}

CAF_TEST(each message of a worker is read) {
  auto greeting = decoded<worker_greeting>(bytes({0x84, 1, 1, 0x18, 0x2a, 0x61, 'p'}));
  CAF_CHECK_EQUAL(greeting.version, 1u);
  CAF_CHECK_EQUAL(greeting.pid, 42u);
  CAF_CHECK_EQUAL(greeting.language, "p");
  decoded<worker_ready>(bytes({0x81, 2}));
  auto broken = decoded<worker_broken>(bytes({0x84, 3, 0x61, 'T', 0x61, 'm', 0x61, 't'}));
  CAF_CHECK_EQUAL(broken.failure.code, ec::import_failed);
  CAF_CHECK_EQUAL(broken.failure.type, "T");
  auto logs = decoded<std::vector<worker_log>>(bytes({0x82, 5, 0x81, 0x83, 7, 0xf5, 0x61, 'x'}));
  CAF_REQUIRE_EQUAL(logs.size(), 1u);
  CAF_CHECK_EQUAL(logs[0].handle, 7u);
  CAF_CHECK(logs[0].is_stderr);
  CAF_CHECK_EQUAL(logs[0].text, "x");
}

CAF_TEST(the three forms of a result are read) {
  auto results = decoded<std::vector<worker_result>>(results_frame(
      [](cbor::writer& w) {
        w.array(3).unsigned_integer(1).unsigned_integer(10).text("short");
        w.array(7).unsigned_integer(2).unsigned_integer(20).null().text("out").text("err");
        w.map(1).text("odd").unsigned_integer(5);
        w.null();
        w.array(9).unsigned_integer(3).unsigned_integer(30).null().text("o").text("e");
        w.text("not_a_value").text("T").text("m").text("trace");
      },
      3));
  CAF_REQUIRE_EQUAL(results.size(), 3u);
  CAF_CHECK_EQUAL(results[0].handle, 1u);
  CAF_CHECK_EQUAL(results[0].run_us, 10u);
  CAF_CHECK_EQUAL(to_json_text(results[0].returned), "\"short\"");
  CAF_CHECK_EQUAL(results[1].out, "out");
  CAF_CHECK_EQUAL(results[1].err, "err");
  CAF_REQUIRE_EQUAL(results[1].plugs.size(), 1u);
  CAF_CHECK_EQUAL(results[1].plugs[0].first, "odd");
  CAF_CHECK_EQUAL(results[2].failure.code, ec::not_a_value);
  CAF_CHECK_EQUAL(results[2].failure.traceback, "trace");
}

CAF_TEST(a result that is no value fails its call and not the worker) {
  for (auto& item : {bytes({0x61, 0xff}), bytes({0xa1, 0x01, 0x02}),
                     bytes({0xa2, 0x61, 'a', 0, 0x61, 'a', 0})}) {
    auto results = decoded<std::vector<worker_result>>(results_frame(
        [&](cbor::writer& w) { w.array(3).unsigned_integer(1).unsigned_integer(0).raw(item); }));
    CAF_REQUIRE_EQUAL(results.size(), 1u);
    CAF_CHECK_EQUAL(results[0].failure.code, ec::not_a_value);
  }
}

CAF_TEST(an unknown failure code is a failed task and foreign text is repaired) {
  auto results = decoded<std::vector<worker_result>>(results_frame([](cbor::writer& w) {
    w.array(9).unsigned_integer(3).unsigned_integer(30).null().text("\xff").text("");
    w.text("internal").text("T").text("m").text("");
  }));
  CAF_CHECK_EQUAL(results[0].failure.code, ec::task_failed);
  CAF_CHECK_EQUAL(results[0].out, "\xef\xbf\xbd");
}

CAF_TEST(messages that are not the protocol are refused) {
  CAF_CHECK(is_bad(""));
  CAF_CHECK(is_bad("\x80"));
  CAF_CHECK(is_bad(bytes({0x81, 1})));
  CAF_CHECK(is_bad(bytes({0x81, 6})));
  CAF_CHECK(is_bad(bytes({0x81, 2, 0})));                            // bytes left over
  CAF_CHECK(is_bad(bytes({0x82, 2, 0})));                            // wrong number of items
  CAF_CHECK(is_bad(bytes({0x82, 4, 0x9a, 0xff, 0xff, 0xff, 0xff}))); // claims four billion rows
  CAF_CHECK(is_bad(bytes({0x82, 4, 0x81, 0x84, 1, 1, 1, 1})));       // a row of four
  std::string deep = bytes({0x82, 4, 0x81, 0x83, 1, 1}) + std::string(100, '\x81') + "\x01";
  CAF_CHECK(is_bad(deep));
}

CAF_TEST(frames are cut wherever the stream was) {
  std::string stream;
  for (int i = 0; i < 5; ++i) {
    worker_call call;
    call.function = std::string(static_cast<size_t>(i) * 300, 'f');
    append_calls(stream, {&call, 1});
  }
  auto whole = frames_of(stream);
  CAF_REQUIRE_EQUAL(whole.size(), 5u);
  for (size_t step : {1u, 2u, 3u, 7u, 100u}) {
    frame_splitter splitter;
    std::vector<std::string> pieces;
    for (size_t at = 0; at < stream.size(); at += step) {
      splitter.append(std::string_view{stream}.substr(at, step));
      for (auto frame = splitter.next(); frame && *frame; frame = splitter.next())
        pieces.emplace_back(**frame);
    }
    CAF_CHECK(pieces == whole);
  }
}

CAF_TEST(a frame above the limit is refused by its length alone) {
  frame_splitter splitter{100};
  splitter.append(bytes({0, 0, 0, 101}));
  auto frame = splitter.next();
  CAF_REQUIRE(!frame.has_value());
  CAF_CHECK_EQUAL(frame.error().code, ec::bad_frame);
}

// Random bytes, and valid frames with random damage: an error or a message, never anything else.
CAF_TEST(no bytes can harm the decoder) {
  std::string valid = results_frame(
      [](cbor::writer& w) {
        w.array(3).unsigned_integer(1).unsigned_integer(10).text("short");
        w.array(7).unsigned_integer(2).unsigned_integer(20).null().text("out").text("err");
        w.map(1).text("odd").array(2).unsigned_integer(5).big_integer(true, "0123456789");
        w.null();
        w.array(9).unsigned_integer(3).unsigned_integer(30).null().text("o").text("e");
        w.text("not_a_value").text("T").text("m").text("trace");
      },
      3);
  CAF_CHECK(decode_worker_message(valid).has_value());
  size_t accepted = 0;
  for (uint32_t seed = 0; seed < 20'000; ++seed) {
    std::mt19937 random{seed};
    std::string frame = valid;
    if (seed % 2 == 0) {
      frame.resize(random() % 200);
      for (auto& c : frame)
        c = static_cast<char>(random());
      if (frame.size() > 1) {
        frame[0] = '\x82';
        frame[1] = static_cast<char>(4 + random() % 2);
      }
    } else {
      for (auto n = 1 + random() % 4; n > 0; --n)
        frame[random() % frame.size()] = static_cast<char>(random());
      if (random() % 4 == 0) frame.resize(random() % frame.size());
    }
    auto message = decode_worker_message(frame);
    if (!message) {
      CAF_REQUIRE_EQUAL(message.error().code, ec::bad_frame);
      continue;
    }
    ++accepted;
    // What was taken for a value is one.
    if (auto* results = std::get_if<std::vector<worker_result>>(&*message))
      for (const auto& each : *results)
        CAF_REQUIRE(value_of_cbor(each.returned.cbor).has_value());
  }
  CAF_CHECK(accepted > 100);
}
