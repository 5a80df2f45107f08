#pragma once
// Private to the module: what layers cost, kept from one run to the next.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "mote/base/error.hpp"

namespace mote::bench {

/// Measured cycles by the text of what was measured. In a folder, each in a file of its own with a digest of its
/// content: one that was damaged is as good as none.
class MeasuredCosts {
 public:
  /// @param folder   empty: nothing is kept.
  /// @param context  all that cycles depend on besides the texts: board, compiler, this program.
  MeasuredCosts(std::filesystem::path folder, std::string context);

  [[nodiscard]] std::optional<std::uint64_t> find(const std::string& text);
  /// A folder that cannot be written is no error: it is measured again next time.
  void add(const std::string& text, std::uint64_t cycles);

 private:
  [[nodiscard]] std::string id_of(std::string_view text) const;
  std::filesystem::path folder_;
  std::string context_;
  std::map<std::string, std::uint64_t> known_;  // by id
};

}  // namespace mote::bench
