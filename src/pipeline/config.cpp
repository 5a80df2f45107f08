// The only file that sees toml++, and the fence around its exceptions.
#include "mote/pipeline/config.hpp"

namespace mote::pipeline {
namespace {
/// toml++ 3.3 and 3.4 assert on some broken files ("[[[a]]]", fixed upstream in 2026) and with NDEBUG even assume that
/// they do not exist. A file must never end the process: a failed assertion of the library is a refusal of the file.
struct LibraryAssertion {};
[[noreturn]] void throw_library_assertion() { throw LibraryAssertion{}; }
}  // namespace
}  // namespace mote::pipeline
#undef NDEBUG
#define TOML_ASSERT(expression) \
  if (!(expression)) ::mote::pipeline::throw_library_assertion()
#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <set>

#include "mote/base/file.hpp"

namespace mote::pipeline {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxFileBytes = 1 << 20;

/// "a text", "a whole number", ...: what a person wrote.
std::string_view kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none:
      return "nothing";
    case toml::node_type::table:
      return "a section";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a text";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    case toml::node_type::date:
      return "a date";
    case toml::node_type::time:
      return "a time";
    case toml::node_type::date_time:
      return "a date and time";
  }
  return "something else";
}

/// One printable line of what may be any bytes.
std::string one_line(std::string_view text, std::size_t limit = 200) {
  std::string line;
  for (const char c : text.substr(0, limit)) line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return text.size() > limit ? line + "..." : line;
}

std::string in_quotes(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += std::string{'\\', c};
    } else if (c == '\n') {
      result += "\\n";
    } else {
      result += c;
    }
  }
  return result + '"';
}

std::string canonical(bool value) { return value ? "true" : "false"; }
std::string canonical(int value) { return std::to_string(value); }
std::string canonical(std::int64_t value) { return std::to_string(value); }
std::string canonical(double value) { return canonical_number(value); }
std::string canonical(const std::string& value) { return in_quotes(value); }
template <class T>
std::string canonical(const std::vector<T>& values) {
  std::string list = "[";
  for (const T& value : values) list += (list.size() > 1 ? "," : "") + canonical(value);
  return list + "]";
}

/// What is read from a node: a value, or what was expected instead.
template <class T>
struct Reader;

template <>
struct Reader<bool> {
  static constexpr std::string_view kExpected = "true or false";
  static std::optional<bool> read(const toml::node& node) { return node.value_exact<bool>(); }
};
template <>
struct Reader<std::int64_t> {
  static constexpr std::string_view kExpected = "a whole number";
  static std::optional<std::int64_t> read(const toml::node& node) { return node.value_exact<std::int64_t>(); }
};
template <>
struct Reader<int> {
  static constexpr std::string_view kExpected = "a whole number within 32 bits";
  static std::optional<int> read(const toml::node& node) {
    const auto value = node.value_exact<std::int64_t>();
    if (!value || *value < std::numeric_limits<int>::min() || *value > std::numeric_limits<int>::max()) return {};
    return static_cast<int>(*value);
  }
};
template <>
struct Reader<double> {
  static constexpr std::string_view kExpected = "a finite number";
  static std::optional<double> read(const toml::node& node) {
    if (const auto whole = node.value_exact<std::int64_t>()) return static_cast<double>(*whole);
    const auto value = node.value_exact<double>();
    return value && std::isfinite(*value) ? value : std::nullopt;
  }
};
template <>
struct Reader<std::string> {
  static constexpr std::string_view kExpected = "a text in quotes";
  static std::optional<std::string> read(const toml::node& node) { return node.value_exact<std::string>(); }
};
template <class T>
struct Reader<std::vector<T>> {
  static constexpr std::string_view kExpected = std::is_same_v<T, std::string> ? "a list of texts in quotes"
                                                : std::is_same_v<T, double>    ? "a list of finite numbers"
                                                                               : "a list of whole numbers";
  static std::optional<std::vector<T>> read(const toml::node& node) {
    const toml::array* array = node.as_array();
    if (array == nullptr) return {};
    std::vector<T> values;
    for (const toml::node& element : *array) {
      auto value = Reader<T>::read(element);
      if (!value) return {};
      values.push_back(std::move(*value));
    }
    return values;
  }
};

template <class T>
bool is_within(const T& value, const Range<T>& range) {
  if constexpr (std::is_same_v<T, std::string>) {
    return true;
  } else {
    return value >= range.min && value <= range.max;
  }
}

template <class T>
std::string describe(const Range<T>& range) {
  if (range.max == std::numeric_limits<T>::max()) return "it must be at least " + canonical(range.min);
  if (range.min == std::numeric_limits<T>::lowest()) return "it must be at most " + canonical(range.max);
  return "it must be between " + canonical(range.min) + " and " + canonical(range.max);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

}  // namespace

struct Config::Document {
  fs::path file;
  toml::table root;
  std::map<std::string, std::set<std::string>> asked;  ///< path of a table -> keys somebody asked for
  std::map<std::string, std::string> overrides;        ///< path of a value -> "--set a.b=c" that gave it

  [[nodiscard]] std::string place(const toml::source_region& region) const {
    if (!region.begin) return file.string() + ":1:1";
    return file.string() + ":" + std::to_string(region.begin.line) + ":" + std::to_string(region.begin.column);
  }
  [[nodiscard]] std::string place_of(const std::string& path, const toml::source_region& region) const {
    const auto given = overrides.find(path);
    return given != overrides.end() ? given->second : place(region);
  }
  [[nodiscard]] tl::unexpected<Error> unknown(const std::string& table_path, const toml::key& key) const;
  [[nodiscard]] Result<void> finish(const toml::table& table, const std::string& path) const;
};

struct Section::State {
  std::shared_ptr<Config::Document> document;
  const toml::table* table = nullptr;  ///< null when the file does not have this section
  std::string path;                    ///< "train", "train.augment", "model.layers[2]"
  std::map<std::string, std::string> reads;
  std::vector<std::shared_ptr<State>> children;

  [[nodiscard]] std::string path_of(std::string_view key) const { return path + "." + std::string(key); }

  const toml::node* ask(std::string_view key) {
    document->asked[path].insert(std::string(key));
    return table != nullptr ? table->get(key) : nullptr;
  }
  void remember(std::string_view key, std::string value) { reads[path_of(key)] = std::move(value); }

  [[nodiscard]] std::string place(std::string_view key) const {
    const toml::node* node = table != nullptr ? table->get(key) : nullptr;
    if (node != nullptr) return document->place_of(path_of(key), node->source());
    return table != nullptr ? document->place(table->source()) : document->file.string() + ":1:1";
  }
  [[nodiscard]] tl::unexpected<Error> missing(std::string_view key, std::string_view expected) const {
    return fail(Code::invalid_argument, place(key) + ": [" + path + "] needs '" + std::string(key) + "', " +
                                            std::string(expected) + "; add it there");
  }
  [[nodiscard]] tl::unexpected<Error> wrong_type(std::string_view key, const toml::node& node,
                                                 std::string_view expected) const {
    return fail(Code::malformed, place(key) + ": '" + path_of(key) + "' is " + std::string(kind_of(node)) + ", but " +
                                     std::string(expected) + " is expected");
  }
  [[nodiscard]] tl::unexpected<Error> refuse(std::string_view key, std::string_view sentence) const {
    return fail(Code::invalid_argument, place(key) + ": '" + path_of(key) + "' " + std::string(sentence));
  }

  template <class T>
  Result<std::optional<T>> find(std::string_view key) {
    const toml::node* node = ask(key);
    if (node == nullptr) return std::optional<T>();
    auto value = Reader<T>::read(*node);
    if (!value) return wrong_type(key, *node, Reader<T>::kExpected);
    remember(key, canonical(*value));
    return value;
  }

  template <class T>
  Result<void> check(std::string_view key, const T& value, const Range<T>& range) const {
    if constexpr (requires { value.begin(); }) {
      return {};
    } else {
      if (is_within(value, range)) return {};
      return refuse(key, "is " + canonical(value) + "; " + describe(range));
    }
  }

  [[nodiscard]] Result<std::optional<double>> quantity(std::string_view key, Unit unit) {
    const toml::node* node = ask(key);
    if (node == nullptr) return std::optional<double>();
    const auto text = node->value_exact<std::string>();
    // A bare number is the likeliest slip; its sentence shows how to write it.
    const std::string written = text                ? *text
                                : node->is_number() ? canonical(Reader<double>::read(*node).value_or(NAN))
                                                    : "";
    if (!text && !node->is_number()) return wrong_type(key, *node, "a number with a unit in quotes");
    const auto value = parse_quantity(text ? written : "?", unit);
    if (!value) return refuse(key, "is " + one_line(in_quotes(written), 60) + ", which " + value.error().message());
    remember(key, canonical(*value));
    return std::optional<double>(*value);
  }

  void collect(std::map<std::string, std::string>& all) const {
    all.insert(reads.begin(), reads.end());
    for (const auto& child : children) child->collect(all);
  }

  std::shared_ptr<State> child(std::string child_path, const toml::table* child_table) {
    auto state = std::make_shared<State>();
    state->document = document;
    state->table = child_table;
    state->path = std::move(child_path);
    document->asked[state->path];
    children.push_back(state);
    return state;
  }
};

template <class T>
Result<T> Section::get(std::string_view key, T fallback) {
  MOTE_TRY(auto value, state_->find<T>(key));
  if (!value) state_->remember(key, canonical(fallback));
  return value ? std::move(*value) : std::move(fallback);
}

template <class T>
Result<T> Section::get(std::string_view key, T fallback, Range<T> range) {
  MOTE_TRY(T value, get<T>(key, std::move(fallback)));
  MOTE_TRY_VOID(state_->check(key, value, range));
  return value;
}

template <class T>
Result<T> Section::require(std::string_view key) {
  MOTE_TRY(auto value, state_->find<T>(key));
  if (!value) return state_->missing(key, Reader<T>::kExpected);
  return std::move(*value);
}

template <class T>
Result<T> Section::require(std::string_view key, Range<T> range) {
  MOTE_TRY(T value, require<T>(key));
  MOTE_TRY_VOID(state_->check(key, value, range));
  return value;
}

template <class T>
Result<std::optional<T>> Section::find(std::string_view key) {
  return state_->find<T>(key);
}

#define MOTE_SECTION_TYPE(T)                                \
  template Result<T> Section::get<T>(std::string_view, T);  \
  template Result<T> Section::require<T>(std::string_view); \
  template Result<std::optional<T>> Section::find<T>(std::string_view);
#define MOTE_SECTION_NUMBER(T)                                       \
  MOTE_SECTION_TYPE(T)                                               \
  template Result<T> Section::get<T>(std::string_view, T, Range<T>); \
  template Result<T> Section::require<T>(std::string_view, Range<T>);
MOTE_SECTION_TYPE(bool)
MOTE_SECTION_NUMBER(int)
MOTE_SECTION_NUMBER(std::int64_t)
MOTE_SECTION_NUMBER(double)
MOTE_SECTION_TYPE(std::string)
MOTE_SECTION_TYPE(std::vector<std::int64_t>)
MOTE_SECTION_TYPE(std::vector<double>)
MOTE_SECTION_TYPE(std::vector<std::string>)
#undef MOTE_SECTION_NUMBER
#undef MOTE_SECTION_TYPE

Result<std::string> Section::one_of(std::string_view key, std::vector<std::string> choices,
                                    std::optional<std::string> fallback) {
  MOTE_TRY(auto value, state_->find<std::string>(key));
  if (!value && !fallback) return state_->missing(key, "one of " + joined(choices));
  if (!value) {
    state_->remember(key, canonical(*fallback));
    return std::move(*fallback);
  }
  if (std::find(choices.begin(), choices.end(), *value) != choices.end()) return std::move(*value);
  const std::string near = nearest(*value, choices);
  return state_->refuse(key, "is " + one_line(in_quotes(*value), 60) + ", but must be one of " + joined(choices) +
                                 (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
}

Result<fs::path> Section::path(std::string_view key) {
  MOTE_TRY(const std::string text, require<std::string>(key));
  if (text.empty() || text.find('\0') != std::string::npos)
    return state_->refuse(key, "is no path; name a file or folder");
  return (state_->document->file.parent_path() / text).lexically_normal();
}

Result<double> Section::quantity(std::string_view key, Unit unit, std::string_view fallback) {
  MOTE_TRY(const auto value, state_->quantity(key, unit));
  if (value) return *value;
  if (fallback.empty()) return state_->missing(key, "a number with a unit in quotes");
  const auto preset = parse_quantity(fallback, unit);
  MOTE_CHECK(preset.has_value());
  state_->remember(key, canonical(*preset));
  return *preset;
}

Result<std::optional<double>> Section::find_quantity(std::string_view key, Unit unit) {
  return state_->quantity(key, unit);
}

Result<std::uint64_t> Section::bytes(std::string_view key, std::string_view fallback) {
  MOTE_TRY(const double value, quantity(key, Unit::bytes, fallback));
  return static_cast<std::uint64_t>(value);
}
Result<double> Section::milliseconds(std::string_view key, std::string_view fallback) {
  return quantity(key, Unit::milliseconds, fallback);
}
Result<double> Section::hertz(std::string_view key, std::string_view fallback) {
  return quantity(key, Unit::hertz, fallback);
}
Result<double> Section::microjoules(std::string_view key, std::string_view fallback) {
  return quantity(key, Unit::microjoules, fallback);
}
Result<double> Section::ratio(std::string_view key, std::string_view fallback) {
  return quantity(key, Unit::ratio, fallback);
}

bool Section::has(std::string_view key) const { return state_->table != nullptr && state_->table->contains(key); }
bool Section::is_present() const { return state_->table != nullptr; }

Result<Section> Section::section(std::string_view key) {
  const toml::node* node = state_->ask(key);
  if (node != nullptr && !node->is_table()) return state_->wrong_type(key, *node, "a section");
  return Section(state_->child(state_->path_of(key), node != nullptr ? node->as_table() : nullptr));
}

Result<std::vector<Section>> Section::sections(std::string_view key) {
  const toml::node* node = state_->ask(key);
  std::vector<Section> found;
  if (node == nullptr) return found;
  const toml::array* array = node->as_array();
  const auto is_table = [](const toml::node& element) { return element.is_table(); };
  if (array == nullptr || !std::all_of(array->begin(), array->end(), is_table)) {
    return state_->wrong_type(key, *node, "a list of sections, each headed [[" + state_->path_of(key) + "]],");
  }
  for (const toml::node& element : *array) {
    const std::string path = state_->path_of(key) + "[" + std::to_string(found.size()) + "]";
    found.push_back(Section(state_->child(path, element.as_table())));
  }
  return found;
}

tl::unexpected<Error> Config::Document::unknown(const std::string& table_path, const toml::key& key) const {
  const std::string word(key.str());
  const auto known = asked.find(table_path);
  const std::vector<std::string> words = known == asked.end()
                                             ? std::vector<std::string>()
                                             : std::vector<std::string>(known->second.begin(), known->second.end());
  const std::string near = nearest(word, words);
  const std::string advice = !near.empty()   ? "did you mean '" + near + "'?"
                             : words.empty() ? "remove it"
                                             : "known are " + joined(words);
  const std::string full = table_path.empty() ? word : table_path + "." + word;
  const std::string where = table_path.empty() ? file.filename().string() : "[" + table_path + "]";
  return fail(Code::invalid_argument,
              place_of(full, key.source()) + ": " + where + " knows no '" + one_line(word, 60) + "'; " + advice);
}

Result<void> Config::Document::finish(const toml::table& table, const std::string& path) const {
  const auto known = asked.find(path);
  for (const auto& [key, node] : table) {
    const std::string word(key.str());
    if (known == asked.end() || !known->second.contains(word)) return unknown(path, key);
    const std::string child = path.empty() ? word : path + "." + word;
    if (const toml::table* inner = node.as_table(); inner != nullptr && asked.contains(child)) {
      MOTE_TRY_VOID(finish(*inner, child));
    }
    const toml::array* list = node.as_array();
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
      const std::string element = child + "[" + std::to_string(i) + "]";
      if (asked.contains(element)) MOTE_TRY_VOID(finish(*(*list)[i].as_table(), element));
    }
  }
  return {};
}

Result<void> Section::finish() const {
  if (state_->table == nullptr) return {};
  return state_->document->finish(*state_->table, state_->path);
}

std::string Section::canonical_text() const {
  std::map<std::string, std::string> all;
  state_->collect(all);
  std::string text;
  for (const auto& [key, value] : all) text += key + "=" + value + "\n";
  return text;
}

tl::unexpected<Error> Section::refuse(std::string_view key, std::string_view sentence) const {
  return state_->refuse(key, sentence);
}

Result<Config> Config::load(const fs::path& file) {
  std::error_code error;
  const fs::file_status status = fs::status(file, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    return fail(Code::io, file.string() + ": is no file; name a mote.toml");
  }
  auto text = read_text(file, kMaxFileBytes);
  if (!text && text.error().code() == Code::not_found) {
    return fail(Code::not_found, file.string() + ": there is no such file; 'mote new' makes a project with one");
  }
  if (!text) return fail(Error(text.error()));
  return parse(*text, file);
}

namespace {

bool asserts(std::string_view text) {
  try {
    static_cast<void>(toml::parse(text));
  } catch (const toml::parse_error&) {
    return false;
  } catch (const LibraryAssertion&) {
    return true;
  }
  return false;
}

/// The line at which the library gives up without saying where: the shortest beginning of the text that makes it do so.
std::size_t asserting_line(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') ends.push_back(i + 1);
  }
  ends.push_back(text.size());
  const auto line =
      std::partition_point(ends.begin(), ends.end(), [&](std::size_t end) { return !asserts(text.substr(0, end)); });
  return static_cast<std::size_t>(line - ends.begin()) + 1;
}

}  // namespace

Result<Config> Config::parse(std::string_view text, const fs::path& name) {
  auto document = std::make_shared<Document>();
  document->file = name;
  try {
    document->root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    std::string reason = one_line(error.description());
    if (!reason.empty()) reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
    return fail(Code::malformed, document->place(error.source()) + ": not valid TOML: " + reason);
  } catch (const LibraryAssertion&) {
    return fail(Code::malformed, name.string() + ":" + std::to_string(asserting_line(text)) +
                                     ":1: not valid TOML: this line cannot be read");
  }
  return Config(std::move(document));
}

namespace {

/// The value as TOML, if it is exactly one: a text with a line break must not bring further keys along.
std::optional<toml::table> parse_single(std::string_view value) {
  try {
    toml::table parsed = toml::parse("value = " + std::string(value));
    if (parsed.size() == 1 && parsed.contains("value")) return parsed;
  } catch (const toml::parse_error&) {
    return std::nullopt;
  } catch (const LibraryAssertion&) {
    return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

Result<void> Config::set(std::string_view dotted_key, std::string_view value) {
  const std::string given = "--set " + one_line(dotted_key, 80) + "=" + one_line(value, 80);
  toml::table* table = &document_->root;
  std::string_view rest = dotted_key;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    if (part.empty())
      return fail(Code::invalid_argument, given + ": the key is not complete; write --set section.key=value");
    if (dot == std::string_view::npos) break;
    toml::node& next = table->insert(part, toml::table{}).first->second;
    if (!next.is_table()) {
      return fail(Code::invalid_argument,
                  given + ": '" + std::string(part) + "' is " + std::string(kind_of(next)) + ", not a section");
    }
    document_->overrides.try_emplace(std::string(dotted_key.substr(0, dotted_key.size() - rest.size() + dot)), given);
    table = next.as_table();
    rest.remove_prefix(dot + 1);
  }
  if (auto parsed = parse_single(value)) {
    parsed->get("value")->visit([&](auto& node) { table->insert_or_assign(rest, std::move(node)); });
  } else {
    table->insert_or_assign(rest, std::string(value));
  }
  document_->overrides[std::string(dotted_key)] = given;
  return {};
}

Result<Section> Config::section(std::string_view name) {
  if (!has(name)) {
    document_->asked[""].insert(std::string(name));
    return fail(Code::not_found,
                document_->file.string() + ":1:1: the section [" + std::string(name) + "] is missing; add it");
  }
  return optional_section(name);
}

Result<Section> Config::optional_section(std::string_view name) {
  document_->asked[""].insert(std::string(name));
  const toml::node* node = document_->root.get(name);
  if (node != nullptr && !node->is_table()) {
    return fail(Code::malformed, document_->place_of(std::string(name), node->source()) + ": '" + std::string(name) +
                                     "' is " + std::string(kind_of(*node)) + ", but a section [" + std::string(name) +
                                     "] is expected");
  }
  auto state = std::make_shared<Section::State>();
  state->document = document_;
  state->table = node != nullptr ? node->as_table() : nullptr;
  state->path = name;
  document_->asked[state->path];
  return Section(std::move(state));
}

bool Config::has(std::string_view name) const { return document_->root.contains(name); }
Result<void> Config::finish() const { return document_->finish(document_->root, ""); }
const fs::path& Config::file() const { return document_->file; }
fs::path Config::folder() const {
  const fs::path parent = document_->file.parent_path();
  return parent.empty() ? fs::path(".") : parent;
}

}  // namespace mote::pipeline
