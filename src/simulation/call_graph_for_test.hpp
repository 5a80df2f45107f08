#pragma once
// How deep a stack gets, by what gcc says of functions with -fcallgraph-info=su: their frames, and whom they call. For
// code that neither recurses nor has frames of a size that only shows when it runs; what is otherwise is a failure.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "mote/base/file.hpp"

namespace mote::simulation {

class CallGraph {
 public:
  /// Takes in what stands beside the objects in a folder.
  void add(const std::filesystem::path& folder) {
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".ci")
        add_unit(read_text(entry.path().string()).value(), entry.path().stem().stem());
    }
  }

  /// Calls by pointers in functions of `unit` ("agent") reach `function`; in units without this, nobody who counts.
  void allow(const std::string& unit, const std::string& function) { pointers_[unit] = function; }

  struct Depth {
    unsigned bytes = 0;
    std::string path;  // frames and functions, the outermost first
  };
  /// @param function  mangled.
  Depth deepest(const std::string& function) {
    const auto known = depths_.find(function);
    if (known != depths_.end()) return known->second;
    EXPECT_TRUE(under_way_.insert(function).second) << function << " calls itself";
    const auto found = functions_.find(function);
    EXPECT_TRUE(found != functions_.end()) << "nobody defines " << function;
    if (HasFailure()) return {};
    Depth below;
    for (const std::string& name : found->second.calls) {
      const Depth depth = deepest(name);
      if (depth.bytes > below.bytes) below = depth;
    }
    under_way_.erase(function);
    const unsigned frame = found->second.frame;
    return depths_[function] = {frame + below.bytes, std::to_string(frame) + " " + function + "\n" + below.path};
  }

  /// All whose mangled names begin like this.
  std::set<std::string> functions(const std::string& prefix) const {
    std::set<std::string> names;
    for (auto i = functions_.lower_bound(prefix); i != functions_.end() && i->first.rfind(prefix, 0) == 0; ++i)
      names.insert(i->first);
    return names;
  }

 private:
  struct Function {
    unsigned frame = 0;
    std::set<std::string> calls;
  };

  static bool HasFailure() { return testing::Test::HasFailure(); }

  /// Constructors of whole objects and of bases are one.
  static std::string plain(const std::string& name) {
    static const std::regex kConstructor("C1E");
    return std::regex_replace(name, kConstructor, "C2E");
  }

  void add_unit(const std::string& text, const std::string& unit) {
    static const std::regex kNode(R"re(node: \{ title: "([^"]*)" label: "[^"]*\\n(\d+) bytes \(([^)]*)\))re");
    static const std::regex kEdge(R"re(edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)")re");
    std::istringstream lines(text);
    std::smatch match;
    for (std::string line; std::getline(lines, line);) {
      if (std::regex_search(line, match, kNode)) {
        EXPECT_EQ(match[3], "static") << match[1];
        functions_[plain(match[1])].frame = static_cast<unsigned>(std::stoul(match[2]));
      } else if (std::regex_search(line, match, kEdge)) {
        const bool by_pointer = match[2] == "__indirect_call";
        if (by_pointer && pointers_.count(unit) == 0) continue;
        functions_[plain(match[1])].calls.insert(by_pointer ? pointers_[unit] : plain(match[2]));
      }
    }
  }

  std::map<std::string, Function> functions_;
  std::map<std::string, std::string> pointers_;
  std::map<std::string, Depth> depths_;
  std::set<std::string> under_way_;
};

}  // namespace mote::simulation
