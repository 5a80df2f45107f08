// The only file of the module that sees the JSON library.

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "fields.hpp"
#include "mote/base/bytes.hpp"
#include "mote/report/report.hpp"

namespace mote::report {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "mote-report";
constexpr std::uint64_t kVersion = 1;

class Writer {
 public:
  template <class T>
  void operator()(const char* key, const T& value) {
    object_[key] = encode(value);
  }
  [[nodiscard]] Json take() && { return std::move(object_); }

  template <class T>
  static Json encode(const T& value) {
    if constexpr (std::is_enum_v<T>) {
      return std::string(name_of(value));
    } else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
      return value;  // the library writes numbers that are not finite as null
    } else {
      Writer members;
      visit(members, value);
      return std::move(members).take();
    }
  }
  template <class T>
  static Json encode(const std::optional<T>& value) {
    return value ? encode(*value) : Json();
  }
  template <class T>
  static Json encode(const std::vector<T>& values) {
    Json out = Json::array();
    for (const T& value : values) out.push_back(encode(value));
    return out;
  }
  static Json encode(const std::vector<std::uint8_t>& bytes) { return to_base64(bytes); }
  static Json encode(const Picture& picture) {
    constexpr const char* kKinds[] = {"image", "waveform", "strokes"};
    return {{kKinds[picture.index()], std::visit([](const auto& p) { return encode(p); }, picture)}};
  }

 private:
  Json object_ = Json::object();
};

// Keeps the first complaint, with the path of the value it is about.
class Reader {
 public:
  Reader(const Json& object, std::string path, std::string& complaint)
      : object_(object), path_(std::move(path)), complaint_(complaint) {
    if (!object_.is_object()) refuse(path_, "an object");
  }

  template <class T>
  void operator()(const char* key, T& value) {
    if (!complaint_.empty()) return;
    const auto found = object_.find(key);
    if (found != object_.end()) decode(*found, path_.empty() ? key : path_ + "." + key, value);
  }

  template <class T>
  void decode(const Json& json, const std::string& path, T& value) {
    if (!complaint_.empty()) return;
    if constexpr (std::is_enum_v<T>) {
      decode_enum(json, path, value);
    } else if constexpr (std::is_same_v<T, bool>) {
      json.is_boolean() ? void(value = json.get<bool>()) : refuse(path, "true or false");
    } else if constexpr (std::is_integral_v<T>) {
      decode_integer(json, path, value);
    } else if constexpr (std::is_floating_point_v<T>) {
      json.is_null()     ? void(value = std::numeric_limits<T>::quiet_NaN())
      : json.is_number() ? void(value = json.get<T>())
                         : refuse(path, "a number or null");
    } else if constexpr (std::is_same_v<T, std::string>) {
      json.is_string() ? void(value = json.get<std::string>()) : refuse(path, "a text");
    } else {
      Reader members(json, path, complaint_);
      if (complaint_.empty()) visit(members, value);
    }
  }

  template <class T>
  void decode(const Json& json, const std::string& path, std::optional<T>& value) {
    value.reset();
    if (!json.is_null()) decode(json, path, value.emplace());
  }

  template <class T>
  void decode(const Json& json, const std::string& path, std::vector<T>& values) {
    if (!json.is_array()) return refuse(path, "a list");
    values.clear();
    for (std::size_t i = 0; i < json.size() && complaint_.empty(); ++i)
      decode(json[i], path + "[" + std::to_string(i) + "]", values.emplace_back());
  }

  void decode(const Json& json, const std::string& path, std::vector<std::uint8_t>& bytes) {
    auto read = json.is_string() ? from_base64(json.get_ref<const std::string&>()) : fail(Code::malformed, "");
    if (!read) return refuse(path, "base64 text");
    bytes = std::move(*read);
  }

  void decode(const Json& json, const std::string& path, Picture& picture) {
    if (!json.is_object() || json.size() != 1) return refuse(path, "an object with one of image, waveform and strokes");
    const std::string kind = json.begin().key();
    if (kind == "image") return decode(json.front(), path + ".image", picture.emplace<GrayImage>());
    if (kind == "waveform") return decode(json.front(), path + ".waveform", picture.emplace<Waveform>());
    if (kind == "strokes") return decode(json.front(), path + ".strokes", picture.emplace<Strokes>());
    refuse(path, "an object with one of image, waveform and strokes");
  }

 private:
  void refuse(const std::string& path, const std::string& wanted) {
    if (complaint_.empty()) complaint_ = (path.empty() ? "the report" : path) + " must be " + wanted;
  }

  template <class T>
  void decode_enum(const Json& json, const std::string& path, T& value) {
    std::string names;
    for (int i = 0; !name_of(static_cast<T>(i)).empty(); ++i) {
      const std::string name(name_of(static_cast<T>(i)));
      if (json.is_string() && json.get_ref<const std::string&>() == name) {
        value = static_cast<T>(i);
        return;
      }
      names += (names.empty() ? "" : ", ") + name;
    }
    refuse(path, "one of " + names);
  }

  template <class T>
  void decode_integer(const Json& json, const std::string& path, T& value) {
    constexpr auto kHigh = std::numeric_limits<T>::max();
    if (json.is_number_unsigned() && json.get<std::uint64_t>() <= static_cast<std::uint64_t>(kHigh)) {
      value = static_cast<T>(json.get<std::uint64_t>());
    } else if (std::is_signed_v<T> && json.is_number_integer() && !json.is_number_unsigned()) {
      value = static_cast<T>(json.get<std::int64_t>());
    } else {
      refuse(path, std::is_signed_v<T> ? "a whole number" : "a whole number from 0 to " + std::to_string(kHigh));
    }
  }

  const Json& object_;
  std::string path_;
  std::string& complaint_;
};

Result<void> check_header(const Json& json) {
  const bool ours = json.is_object() && json.contains("format") && json["format"] == kFormat;
  if (!ours) return fail(Code::malformed, "not a stored report: the key format is not " + std::string(kFormat));
  const auto version = json.find("version");
  if (version == json.end() || !version->is_number_unsigned())
    return fail(Code::malformed, "version must be a whole number");
  if (version->get<std::uint64_t>() > kVersion) {
    return fail(Code::unsupported, "stored by a newer mote (version " + version->dump() +
                                       " of the format, this one reads " + std::to_string(kVersion) + ")");
  }
  return {};
}

}  // namespace

std::string to_json(const ReportData& data) {
  Json out = {{"format", kFormat}, {"version", kVersion}};
  out["report"] = Writer::encode(data);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<ReportData> from_json(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded())
    return fail(Code::malformed, "not JSON: the stored report is damaged, make it again with `mote run`");
  MOTE_TRY_VOID(check_header(json));
  if (!json.contains("report")) return fail(Code::malformed, "the key report is missing");
  ReportData data;
  std::string complaint;
  Reader reader(json["report"], "", complaint);
  if (complaint.empty()) visit(reader, data);
  if (!complaint.empty()) return fail(Code::malformed, complaint);
  if (const auto found = problems(data); !found.empty()) return fail(Code::malformed, found.front());
  return data;
}

}  // namespace mote::report
