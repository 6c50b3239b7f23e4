// A module for the tests of native workers.
#include <csignal>

#include <unistd.h>

#include "millrace/worker.hpp"

namespace {

using millrace::value;

value echo(const value& v) {
  return v;
}

int64_t add(int64_t a, int64_t b) {
  return a + b;
}

value fails(const std::string& text) {
  std::fprintf(stderr, "before it failed\n");
  try {
    throw std::out_of_range("inner");
  } catch (...) {
    std::throw_with_nested(std::runtime_error(text));
  }
}

void prints(const std::string& text) {
  std::cout << text;
  std::fprintf(stderr, "%s again\n", text.c_str());
}

void prints_and_waits(const std::string& text) {
  std::printf("%s\n", text.c_str());
  while (true)
    ::pause();
}

int64_t routes(int64_t n, millrace::plugs& plugs, millrace::output& output) {
  plugs.set("even", n % 2 == 0);
  output.set("report", value::map{{"value", n}});
  return n;
}

value returns_plugs(const value& v) {
  return value::map{{"result", v}, {"plugs", value::map{{"other", value::list{v}}}}};
}

std::string huge(size_t megabytes) {
  return std::string(megabytes << 20, 'x');
}

std::string bad_text() {
  return "\xff\xfe";
}

value::map call() {
  return {{"id", millrace::ctx().id}, {"attempt", millrace::ctx().attempt}};
}

void crashes() {
  std::raise(SIGSEGV);
}

} // namespace

int main() {
  millrace::worker w;
  w.function("echo", echo, {"v"});
  w.function("add", add, {"a", {"b", 10}});
  w.function("fails", fails, {"text"});
  w.function("prints", prints, {"text"});
  w.function("prints_and_waits", prints_and_waits, {"text"});
  w.function("routes", routes, {"n"});
  w.function("returns_plugs", returns_plugs, {"v"});
  w.function("huge", huge, {"megabytes"});
  w.function("bad_text", bad_text, {});
  w.function("call", call, {});
  w.function("crashes", crashes, {});
  return w.serve();
}
