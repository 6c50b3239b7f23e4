// Random values of every kind, in the shortest encoding, which is what parsers produce.
#pragma once

#include <cmath>

#include "flows/big_integer.hpp"
#include "flows/cbor.hpp"
#include "flows/utf8.hpp"
#include "flows/value.hpp"
#include "random_bytes.hpp"

namespace flow::test {

inline std::string random_text(random_engine& random) {
  constexpr char32_t samples[]
      = {U'a', U'"', U'\\', U'\'', U'/', U'\n', 0, 0x7f, U'ä', U'€', 0x1f600, U'$', U' '};
  std::string text;
  for (auto n = below(random, 8); n > 0; --n) {
    if (below(random, 4) == 0)
      utf8::append(text, static_cast<char32_t>(below(random, 0x110000)));
    else
      utf8::append(text, samples[below(random, std::size(samples))]);
  }
  return text;
}

inline std::string random_key(random_engine& random, size_t index) {
  constexpr const char* special[] = {"$bytes", "$float", "$int", "$object"};
  if (index == 0 && below(random, 4) == 0) return special[below(random, 4)];
  return std::to_string(index) + random_text(random);
}

inline void write_random_item(cbor::writer& out, random_engine& random, size_t depth_left) {
  switch (below(random, depth_left > 0 ? 10 : 8)) {
  case 0:
    out.null();
    return;
  case 1:
    out.boolean(below(random, 2) == 0);
    return;
  case 2:
    out.unsigned_integer(random() >> below(random, 64));
    return;
  case 3:
    out.negative_integer(random() >> below(random, 64));
    return;
  case 4:
    write_integer(out, below(random, 2) == 0, random_bytes(random, below(random, 40)));
    return;
  case 5: {
    auto number = std::bit_cast<double>(random());
    // Every NaN is one NaN in JSON.
    out.floating(std::isnan(number) ? std::numeric_limits<double>::quiet_NaN() : number);
    return;
  }
  case 6:
    out.text(random_text(random));
    return;
  case 7:
    out.bytes(random_bytes(random, below(random, 20)));
    return;
  case 8: {
    auto count = below(random, 5);
    out.array(count);
    for (size_t i = 0; i < count; ++i)
      write_random_item(out, random, depth_left - 1);
    return;
  }
  default: {
    auto count = below(random, 5);
    out.map(count);
    for (size_t i = 0; i < count; ++i) {
      out.text(random_key(random, i));
      write_random_item(out, random, depth_left - 1);
    }
  }
  }
}

inline value random_value(random_engine& random) {
  value v{{}};
  cbor::writer out{v.cbor};
  write_random_item(out, random, 5);
  return v;
}

} // namespace flow::test
