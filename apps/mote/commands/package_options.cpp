#include "package_options.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>

namespace mote::app {
namespace {

std::optional<package::Uuid> as_uuid(std::string text) {
  std::erase(text, '-');
  const auto bytes = from_hex(text);
  package::Uuid uuid{};
  if (!bytes || bytes->size() != uuid.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), uuid.begin());
  return uuid;
}

/// The whole text as a number.
template <class T>
bool read_number(std::string_view text, T& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

package::Uuid vendor_of(const std::string& text) { return as_uuid(text).value_or(package::vendor_id(text)); }

package::Uuid class_of(const package::Uuid& vendor, const std::string& text) {
  return as_uuid(text).value_or(package::class_id(vendor, text));
}

Result<package::Uuid> uuid_of(const std::string& text, const std::string& option) {
  if (const auto uuid = as_uuid(text)) return *uuid;
  return fail(Code::invalid_argument, option + " " + text + ": no UUID of 32 hexadecimal digits");
}

Result<std::uint64_t> moment_of(const std::string& text, const std::string& option) {
  using namespace std::chrono;
  if (text == "now")
    return static_cast<std::uint64_t>(duration_cast<seconds>(system_clock::now().time_since_epoch()).count());
  std::uint64_t number = 0;
  if (read_number(text, number)) return number;
  int y = 0;
  unsigned m = 0, d = 0;
  const std::string_view view = text;
  if (view.size() == 10 && view[4] == '-' && view[7] == '-' && read_number(view.substr(0, 4), y) &&
      read_number(view.substr(5, 2), m) && read_number(view.substr(8, 2), d)) {
    const year_month_day date{year{y}, month{m}, day{d}};
    if (date.ok() && y >= 1970)
      return static_cast<std::uint64_t>(duration_cast<seconds>((sys_days{date} + days{1}).time_since_epoch()).count());
  }
  return fail(Code::invalid_argument, option + " " + text + ": neither seconds since 1970 nor a day like 2030-12-31");
}

Result<std::vector<package::SigningKey>> signing_keys(const std::vector<std::string>& files) {
  std::vector<package::SigningKey> keys;
  for (const std::string& file : files) {
    MOTE_TRY(package::SigningKey key, package::SigningKey::read(file));
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace mote::app
