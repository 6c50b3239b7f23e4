// Plain functions of C++: hello.functions.json says which of them can be called, main who they are.
#include <algorithm>
#include <stdexcept>

#include <millrace/worker.hpp>

namespace {

std::string greet(const std::string& name, const std::string& greeting) {
  return greeting + ", " + name + "!";
}

int64_t add(int64_t left, int64_t right) {
  return left + right;
}

millrace::value echo(const millrace::value& v) {
  return v;
}

std::string shout(std::string text) {
  std::cout << "shouting " << text << "\n"; // what a function prints is the log of its call
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

void sort_out(int64_t number, millrace::plugs& plugs) {
  plugs.set(number % 2 == 0 ? "even" : "odd", number);
}

double divide(double dividend, double divisor) {
  if (divisor == 0) throw std::domain_error("division by zero");
  return dividend / divisor;
}

} // namespace

int main() {
  millrace::worker w;
  w.function("greet", greet, {"name", {"greeting", "Hello"}});
  w.function("add", add, {"left", "right"});
  w.function("echo", echo, {"value"});
  w.function("shout", shout, {"text"});
  w.function("sort_out", sort_out, {"number"});
  w.function("divide", divide, {"dividend", "divisor"});
  return w.serve();
}
