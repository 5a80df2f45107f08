// Holds the source tree against layers.txt, and against the few rules that a compiler does not check. Reads files only.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "mote/base/file.hpp"

namespace mote {
namespace {

namespace fs = std::filesystem;
using testing::IsEmpty;

const fs::path kRoot = MOTE_SOURCE_DIR;

struct Rule {
  std::set<std::string> allowed;
  std::set<std::string> allowed_in_tests;
};

/// Modules in the order of the table.
struct Table {
  std::vector<std::string> modules;
  std::map<std::string, Rule> rules;
  std::vector<std::string> mistakes;
};

Table parse_table(const std::string& text) {
  Table table;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    line = line.substr(0, line.find('#'));
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string module = line.substr(0, colon);
    Rule rule;
    bool for_tests = false;
    std::istringstream words(line.substr(colon + 1));
    for (std::string word; words >> word;) {
      if (word == "|" || word == "tests:") {
        for_tests = true;
        continue;
      }
      if (!table.rules.contains(word)) table.mistakes.push_back(module + " names " + word + ", which is not above it");
      (for_tests ? rule.allowed_in_tests : rule.allowed).insert(word);
    }
    if (table.rules.contains(module)) table.mistakes.push_back(module + " stands twice");
    table.modules.push_back(module);
    table.rules[module] = std::move(rule);
  }
  return table;
}

const Table& table() {
  static const Table parsed = parse_table(read_text(kRoot / "tests/layers/layers.txt").value());
  return parsed;
}

/// "src/data/parse/idx.cpp" -> "data", "device/kernels/dsp.hpp" -> "device/kernels", "apps/mote/main.cpp" -> "apps".
std::string module_of(const fs::path& relative) {
  auto part = relative.begin();
  const std::string top = part->string();
  if (top == "apps") return top;
  const std::string second = (++part)->string();
  return top == "src" ? second : top + "/" + second;
}

/// The module that an include names, or nothing for the standard library, third parties and a module's private headers.
std::optional<std::string> target_of(const std::string& include) {
  static const std::regex kHost("mote/([a-z_]+)/.*");
  static const std::regex kDevice("(abi|kernels|features|monitor|update|boards)/.*");
  std::smatch match;
  if (std::regex_match(include, match, kHost)) return match[1].str();
  if (std::regex_match(include, match, kDevice)) return "device/" + match[1].str();
  return std::nullopt;
}

struct Include {
  std::string file;  ///< relative to the root
  std::size_t line = 0;
  std::string name;
  bool quoted = false;
  [[nodiscard]] std::string place() const { return file + ":" + std::to_string(line) + ": " + name; }
};

bool is_source(const fs::path& path) {
  const std::string extension = path.extension().string();
  return extension == ".hpp" || extension == ".cpp" || extension == ".h" || extension == ".c";
}

bool is_test(const std::string& file) {
  return file.find("test") != std::string::npos || file.find("fuzz") != std::string::npos;
}

std::vector<fs::path> sources_below(const std::string& folder) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / folder)) {
    if (entry.is_regular_file() && is_source(entry.path())) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<Include> includes_of(const fs::path& path) {
  static const std::regex kInclude(R"re(\s*#\s*include\s*(["<])([^">]+)[">].*)re");
  std::vector<Include> found;
  std::istringstream lines(read_text(path).value());
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::smatch match;
    if (!std::regex_match(line, match, kInclude)) continue;
    found.push_back({path.lexically_relative(kRoot).generic_string(), number, match[2].str(), match[1].str() == "\""});
  }
  return found;
}

const std::vector<Include>& all_includes() {
  static const std::vector<Include> all = [] {
    std::vector<Include> found;
    for (const std::string folder : {"src", "apps", "device"}) {
      for (const fs::path& file : sources_below(folder)) {
        for (Include& include : includes_of(file)) found.push_back(std::move(include));
      }
    }
    return found;
  }();
  return all;
}

bool starts_with_any(const std::string& text, std::initializer_list<const char*> prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(), [&](const char* prefix) { return text.starts_with(prefix); });
}

/// Files whose includes match one of the prefixes and that lie outside of all folders.
std::vector<std::string> outside(std::initializer_list<const char*> folders,
                                 std::initializer_list<const char*> prefixes) {
  std::vector<std::string> found;
  for (const Include& include : all_includes()) {
    if (starts_with_any(include.name, prefixes) && !starts_with_any(include.file, folders))
      found.push_back(include.place());
  }
  return found;
}

TEST(Layers, the_table_has_no_circles) { EXPECT_THAT(table().mistakes, IsEmpty()); }

TEST(Layers, the_table_names_every_module_that_exists) {
  std::vector<std::string> missing;
  for (const std::string folder : {"src", "device"}) {
    for (const auto& entry : fs::directory_iterator(kRoot / folder)) {
      const std::string module = module_of(fs::path(folder) / entry.path().filename());
      if (entry.is_directory() && !table().rules.contains(module)) missing.push_back(module);
    }
  }
  EXPECT_THAT(missing, IsEmpty()) << "tests/layers/layers.txt says what they may include";
}

TEST(Layers, every_include_follows_the_table) {
  std::vector<std::string> broken;
  for (const Include& include : all_includes()) {
    const std::string from = module_of(include.file);
    const auto to = target_of(include.name);
    const auto rule = table().rules.find(from);
    // A module's private folder may have the name of a device folder, and may use it only in its own files.
    const bool is_private = fs::exists((kRoot / include.file).parent_path() / include.name);
    if (!to || *to == from || rule == table().rules.end() || is_private) continue;
    const bool allowed =
        rule->second.allowed.contains(*to) || (is_test(include.file) && rule->second.allowed_in_tests.contains(*to));
    if (!allowed) broken.push_back(include.place() + ": " + from + " may not include " + *to);
  }
  EXPECT_THAT(broken, IsEmpty());
  EXPECT_GT(all_includes().size(), 500u) << "the sources were not found";
}

TEST(Layers, no_include_climbs_out_of_its_module) {
  std::vector<std::string> broken;
  for (const Include& include : all_includes()) {
    if (!include.quoted || (!include.name.starts_with("../") && !include.name.starts_with("/"))) continue;
    const fs::path target = (fs::path(include.file).parent_path() / include.name).lexically_normal();
    const std::string text = target.generic_string();
    if (text.starts_with("/") || text.starts_with("..") || module_of(target) != module_of(include.file))
      broken.push_back(include.place());
  }
  EXPECT_THAT(broken, IsEmpty());
}

TEST(Layers, third_parties_stay_behind_their_module) {
  EXPECT_THAT(outside({"src/train/engine/"}, {"torch/", "ATen/", "c10/", "caffe2/"}), IsEmpty());
  EXPECT_THAT(outside({"src/board/"}, {"unicorn/", "capstone/"}), IsEmpty());
  EXPECT_THAT(outside({"src/data/"}, {"sndfile", "stb/", "zlib.h"}), IsEmpty());
  EXPECT_THAT(outside({"src/base/", "src/package/", "src/simulation/", "src/fleet/"}, {"openssl/"}), IsEmpty());
  EXPECT_THAT(outside({"device/update/crypto/"}, {"bearssl"}), IsEmpty());
  EXPECT_THAT(outside({"src/fleet/"}, {"boost/", "coap3/"}), IsEmpty());
  EXPECT_THAT(outside({"apps/"}, {"CLI/"}), IsEmpty());
}

TEST(Layers, public_headers_show_no_third_party) {
  std::vector<std::string> broken;
  for (const Include& include : all_includes()) {
    if (include.file.find("/include/mote/") == std::string::npos || include.quoted) continue;
    // The error type is the one shape that everything shares.
    const bool is_standard = include.name.find('/') == std::string::npos && include.name.find('.') == std::string::npos;
    if (!is_standard && include.name != "tl/expected.hpp") broken.push_back(include.place());
  }
  EXPECT_THAT(broken, IsEmpty());
}

TEST(Layers, device_code_is_freestanding) {
  const std::set<std::string> kFreestanding{"cstdint", "stdint.h", "cstddef", "limits", "type_traits", "arm_acle.h"};
  std::vector<std::string> broken;
  for (const Include& include : all_includes()) {
    // The wrapper of the embedded library is C, and includes it.
    if (!include.file.starts_with("device/") || include.file.starts_with("device/update/crypto/")) continue;
    const auto to = target_of(include.name);
    const bool is_ours = include.quoted && to && to->starts_with("device/");
    if (!is_ours && (include.quoted || !kFreestanding.contains(include.name))) broken.push_back(include.place());
  }
  EXPECT_THAT(broken, IsEmpty());
}

TEST(Layers, headers_open_no_namespace_for_others) {
  std::vector<std::string> broken;
  for (const std::string folder : {"src", "apps", "device", "tests"}) {
    for (const fs::path& file : sources_below(folder)) {
      if (file.extension() != ".hpp") continue;
      const std::string text = "\n" + read_text(file).value();
      // Indented, it stands in a function and ends with it.
      if (text.find("\nusing namespace") != std::string::npos)
        broken.push_back(file.lexically_relative(kRoot).generic_string());
    }
  }
  EXPECT_THAT(broken, IsEmpty());
}

TEST(Layers, headers_guard_themselves) {
  std::vector<std::string> broken;
  for (const std::string folder : {"src", "apps", "device", "tests"}) {
    for (const fs::path& file : sources_below(folder)) {
      if (file.extension() == ".hpp" && read_text(file).value().find("#pragma once") == std::string::npos) {
        broken.push_back(file.lexically_relative(kRoot).generic_string());
      }
    }
  }
  EXPECT_THAT(broken, IsEmpty());
}

/// Files of the project, without what is built, fetched or hidden.
std::vector<fs::path> project_files() {
  std::vector<fs::path> files;
  fs::recursive_directory_iterator it(kRoot), end;
  for (; it != end; ++it) {
    const std::string name = it->path().filename().string();
    const bool is_generated =
        name.starts_with("build") || name == "node_modules" || name == "out" || name.starts_with(".");
    if (it->is_directory()) {
      if (is_generated) it.disable_recursion_pending();
      continue;
    }
    // Corpora of the fuzzers are bytes, not text.
    if (it->is_regular_file() && it->file_size() < (1u << 20) &&
        it->path().string().find("/corpus/") == std::string::npos)
      files.push_back(it->path());
  }
  return files;
}

TEST(Layers, no_file_names_a_place_of_one_machine) {
  // Written in two pieces, or this file would be found too.
  const std::vector<std::string> kPlaces{std::string("/wo") + "rk/", std::string("/ho") + "me/",
                                         std::string("registry.npm") + "js", std::string("py") + "pi.org"};
  std::vector<std::string> broken;
  for (const fs::path& file : project_files()) {
    const auto text = read_text(file);
    if (!text) continue;
    for (const std::string& place : kPlaces) {
      if (text->find(place) != std::string::npos)
        broken.push_back(file.lexically_relative(kRoot).generic_string() + " has " + place);
    }
  }
  EXPECT_THAT(broken, IsEmpty());
}

// The check itself: what it must find in a table or a line, and what it must let pass.

TEST(LayersCheck, refuses_a_table_with_a_circle) { EXPECT_EQ(parse_table("a: b\nb: a\n").mistakes.size(), 1u); }

TEST(LayersCheck, keeps_allowances_of_tests_apart) {
  const Table parsed = parse_table("base:\nx: # nothing\ny: base | tests: x\n");
  EXPECT_THAT(parsed.mistakes, IsEmpty());
  EXPECT_TRUE(parsed.rules.at("y").allowed.contains("base"));
  EXPECT_FALSE(parsed.rules.at("y").allowed.contains("x"));
  EXPECT_TRUE(parsed.rules.at("y").allowed_in_tests.contains("x"));
}

TEST(LayersCheck, knows_whose_header_it_is) {
  EXPECT_EQ(target_of("mote/base/file.hpp"), "base");
  EXPECT_EQ(target_of("kernels/dsp.hpp"), "device/kernels");
  EXPECT_EQ(target_of("parse/idx.hpp"), std::nullopt);
  EXPECT_EQ(target_of("vector"), std::nullopt);
  EXPECT_EQ(module_of("src/data/parse/idx.cpp"), "data");
  EXPECT_EQ(module_of("device/abi/module.hpp"), "device/abi");
}

}  // namespace
}  // namespace mote
