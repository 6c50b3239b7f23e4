#include "flows/signature.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "flows/cbor.hpp"
#include "flows/text.hpp"

namespace flow {

namespace {

constexpr std::array<std::string_view, 5> kind_names{
    "positional_only", "positional_or_keyword", "var_positional", "keyword_only", "var_keyword",
};

bool takes_position(const parameter& p) {
  return p.kind == parameter_kind::positional_only
         || p.kind == parameter_kind::positional_or_keyword;
}

bool takes_keyword(const parameter& p) {
  return p.kind == parameter_kind::positional_or_keyword || p.kind == parameter_kind::keyword_only;
}

bool has_kind(const signature& sig, parameter_kind kind) {
  return std::ranges::find(sig.parameters, kind, &parameter::kind) != sig.parameters.end();
}

std::string parameter_text(const parameter& p) {
  std::string text;
  if (p.kind == parameter_kind::var_positional) text = "*";
  if (p.kind == parameter_kind::var_keyword) text = "**";
  text += p.name;
  if (!p.annotation.empty()) text += ": " + p.annotation;
  if (p.default_text) text += (p.annotation.empty() ? "=" : " = ") + *p.default_text;
  return text;
}

/// One check of given arguments against one signature.
class binding {
public:
  explicit binding(const signature& sig) : sig_{sig} {}

  result<void> check(const arguments& args) {
    cbor::reader positional{args.positional};
    auto count = positional.array();
    for (auto n = count; n > 0 && !positional.failed(); --n)
      positional.skip();
    if (auto end = positional.finish("positional arguments"); !end) return refuse(end.error().text);
    if (auto fits = bind_positions(count); !fits) return fits;
    cbor::reader keyword{args.keyword};
    for (auto n = keyword.map(); n > 0 && !keyword.failed(); --n) {
      std::string name{keyword.text()};
      keyword.skip();
      if (keyword.failed()) break;
      if (auto fits = bind_keyword(name); !fits) return fits;
    }
    if (auto end = keyword.finish("keyword arguments"); !end) return refuse(end.error().text);
    return check_nothing_missing();
  }

private:
  error refuse(const std::string& why, std::string hint = {}) const {
    return make_error(ec::bad_arguments, to_string(sig_) + ": " + why, std::move(hint));
  }

  result<void> bind_positions(uint64_t count) {
    uint64_t places = 0;
    for (const auto& p : sig_.parameters)
      if (takes_position(p) && places++ < count) given_.insert(p.name);
    if (count <= places || has_kind(sig_, parameter_kind::var_positional)) return {};
    return refuse("takes " + (places == 0 ? "no" : "at most " + std::to_string(places))
                  + " positional argument" + (places == 1 ? "" : "s") + ", " + std::to_string(count)
                  + (count == 1 ? " was" : " were") + " given");
  }

  result<void> bind_keyword(const std::string& name) {
    if ((name == "plugs" && sig_.takes_plugs) || (name == "output" && sig_.takes_output))
      return refuse("the argument " + quoted(name) + " is provided by the engine");
    auto named = std::ranges::find(sig_.parameters, name, &parameter::name);
    bool swallowed = has_kind(sig_, parameter_kind::var_keyword);
    if (named != sig_.parameters.end() && takes_keyword(*named)) {
      if (!given_.insert(name).second) return given_twice(name);
      return {};
    }
    if (swallowed) {
      if (!swallowed_.insert(name).second) return given_twice(name);
      return {};
    }
    if (named != sig_.parameters.end() && named->kind == parameter_kind::positional_only)
      return refuse("the argument " + quoted(name) + " is given by position only");
    return unknown(name);
  }

  error given_twice(const std::string& name) const {
    return refuse("the argument " + quoted(name) + " is given twice");
  }

  error unknown(const std::string& name) const {
    std::vector<std::string> names;
    for (const auto& p : sig_.parameters)
      if (takes_keyword(p)) names.push_back(p.name);
    return refuse("no argument is named " + quoted(name), did_you_mean(name, names));
  }

  result<void> check_nothing_missing() const {
    std::vector<std::string> missing;
    for (const auto& p : sig_.parameters)
      if ((takes_position(p) || takes_keyword(p)) && !p.default_text && !given_.contains(p.name))
        missing.push_back(quoted(p.name));
    if (missing.empty()) return {};
    std::string why = missing.size() == 1 ? "missing the argument " : "missing the arguments ";
    for (size_t i = 0; i < missing.size(); ++i)
      why += (i == 0 ? "" : i + 1 == missing.size() ? " and " : ", ") + missing[i];
    return refuse(why);
  }

  const signature& sig_;
  std::set<std::string> given_;
  std::set<std::string> swallowed_; ///< by a parameter such as **options
};

/// The rules of Python's grammar that `check_arguments` relies on.
bool is_well_formed(const std::vector<parameter>& parameters) {
  std::set<std::string_view> names;
  bool seen_default = false;
  for (size_t i = 0; i < parameters.size(); ++i) {
    const auto& p = parameters[i];
    if (p.name.empty() || !names.insert(p.name).second) return false;
    if (i > 0) {
      auto before = parameters[i - 1].kind;
      bool is_single
          = p.kind == parameter_kind::var_positional || p.kind == parameter_kind::var_keyword;
      if (p.kind < before || (is_single && p.kind == before)) return false;
    }
    if (!takes_position(p)) continue;
    if (seen_default && !p.default_text) return false;
    seen_default = p.default_text.has_value();
  }
  return true;
}

parameter read_parameter(cbor::reader& in) {
  parameter p;
  bool has_kind = false;
  for (auto n = in.map(); n > 0 && !in.failed(); --n) {
    auto key = in.text();
    if (key == "name") {
      p.name = in.text();
    } else if (key == "kind") {
      auto known = std::ranges::find(kind_names, in.text());
      if (known == kind_names.end()) in.fail();
      p.kind = static_cast<parameter_kind>(known - kind_names.begin());
      has_kind = true;
    } else if (key == "default") {
      p.default_text = std::string{in.text()};
    } else if (key == "annotation") {
      p.annotation = in.text();
    } else {
      in.skip(); // of a newer version
    }
  }
  if (!has_kind) in.fail();
  return p;
}

} // namespace

std::string to_string(const signature& sig) {
  std::string text;
  auto add = [&text](const std::string& part) { text += (text.empty() ? "" : ", ") + part; };
  bool had_positional_only = false;
  bool had_star = false;
  for (const auto& p : sig.parameters) {
    if (had_positional_only && p.kind != parameter_kind::positional_only) add("/");
    had_positional_only = p.kind == parameter_kind::positional_only;
    if (p.kind == parameter_kind::keyword_only && !had_star) add("*");
    had_star = had_star || p.kind == parameter_kind::var_positional
               || p.kind == parameter_kind::keyword_only;
    add(parameter_text(p));
  }
  if (had_positional_only) add("/");
  text = sig.function + "(" + text + ")";
  if (!sig.returns.empty()) text += " -> " + sig.returns;
  return text;
}

result<void> check_arguments(const signature& sig, const arguments& args) {
  return binding{sig}.check(args);
}

value to_value(const signature& sig) {
  value v{{}};
  cbor::writer out{v.cbor};
  out.map(6).text("function").text(sig.function).text("parameters").array(sig.parameters.size());
  for (const auto& p : sig.parameters) {
    out.map(p.default_text ? 4 : 3).text("name").text(p.name);
    out.text("kind").text(kind_names[static_cast<size_t>(p.kind)]);
    out.text("annotation").text(p.annotation);
    if (p.default_text) out.text("default").text(*p.default_text);
  }
  out.text("returns").text(sig.returns).text("summary").text(sig.summary);
  out.text("takes_plugs").boolean(sig.takes_plugs).text("takes_output").boolean(sig.takes_output);
  return v;
}

result<signature> signature_of_value(const value& v) {
  signature sig;
  cbor::reader in{v.cbor};
  for (auto n = in.map(); n > 0 && !in.failed(); --n) {
    auto key = in.text();
    if (key == "function") {
      sig.function = in.text();
    } else if (key == "parameters") {
      for (auto count = in.array(); count > 0 && !in.failed(); --count)
        sig.parameters.push_back(read_parameter(in));
    } else if (key == "returns") {
      sig.returns = in.text();
    } else if (key == "summary") {
      sig.summary = in.text();
    } else if (key == "takes_plugs") {
      sig.takes_plugs = in.boolean();
    } else if (key == "takes_output") {
      sig.takes_output = in.boolean();
    } else {
      in.skip(); // of a newer version
    }
  }
  if (auto end = in.finish("a signature"); !end) return make_error(ec::bad_value, end.error().text);
  if (sig.function.empty())
    return make_error(ec::bad_value, "a signature without the name of its function");
  if (!is_well_formed(sig.parameters))
    return make_error(ec::bad_value, "the signature of " + quoted(sig.function)
                                         + " has parameters in no possible order");
  return sig;
}

} // namespace flow
