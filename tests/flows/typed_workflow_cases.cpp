// What the compiler says to typed workflows that do not fit together: each case is compiled by a
// test of its own, which wants the sentence. Without a case it compiles.
#include "flows/typed_workflow.hpp"

using namespace flow;

namespace {

struct sockets {
  typed_socket<double(std::string)> price;
  typed_socket<double(std::vector<double>)> total;
  typed_socket<std::string(std::string, std::string)> join;
  typed_socket<std::string(std::tuple<double, std::string>)> label;
  typed_socket<value(value)> anything;
};

template <class Wanted, class Step>
void returns(const Step&) {
  static_assert(std::same_as<typename Step::result_type, Wanted>);
}

} // namespace

void compile(const client& over, const sockets& s) {
  auto tea = step(s.price, "tea");
  returns<double>(pipeline(step(s.join, "x"), step(s.price)));
  returns<std::vector<double>>(parallel(tea, parallel(tea, tea)));
  returns<std::tuple<double, std::string>>(parallel(tea, step(s.join, "a", "b")));
  returns<std::tuple<double, std::string, double>>(
      parallel(tea, parallel(step(s.join, "a", "b"), tea)));
  returns<double>(funnel(tea, parallel(std::vector{tea}))(step(s.total)));
  returns<std::string>(funnel(tea, step(s.join, "a", "b"))(step(s.label)));
  returns<value>(pipeline(tea, parallel(step(s.anything), only(s.price, "cup")), step(s.anything)));
  returns<std::vector<std::vector<double>>>(segment(s.price, std::vector<std::string>{"a"}, 2));
  (void)run(over, std::chrono::seconds{1}, pipeline(step(s.price), step(s.anything)), "tea");
#ifdef CASE_EMPTY
  pipeline();
#endif
#ifdef CASE_CHAIN
  pipeline(step(s.price, "tea"), step(s.total));
#endif
#ifdef CASE_PARALLEL_MEMBER
  pipeline(step(s.price, "tea"), parallel(step(s.anything), step(s.price)));
#endif
#ifdef CASE_NOTHING_LEFT
  pipeline(step(s.price, "tea"), step(s.price, "cup"));
#endif
#ifdef CASE_BODY
  funnel(step(s.price, "tea"), step(s.join, "a", "b"))(step(s.total));
#endif
#ifdef CASE_LAUNCH
  (void)launch(over, pipeline(step(s.price), step(s.anything)), 1);
#endif
#ifdef CASE_BOUND
  step(s.price, 1);
#endif
#ifdef CASE_TOO_MANY_BOUND
  step(s.price, "a", "b");
#endif
#ifdef CASE_ONLY
  only(s.join, "a");
#endif
#ifdef CASE_ITEM
  segment(s.price, std::vector<int>{1}, 2);
#endif
#ifdef CASE_MIXED
  parallel(parallel(std::vector{tea}), step(s.join, "a", "b"));
#endif
}
