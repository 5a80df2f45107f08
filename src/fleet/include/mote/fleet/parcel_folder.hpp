#pragma once
// A folder of parcels as a server offers it. Files may come, go and be replaced while it is served; whoever reads a
// parcel reads one version of it to its end.

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>

#include "mote/fleet/parcel_list.hpp"

namespace mote::fleet {

struct StoredParcel {
  /// What a bundle in it is for, from its head. Nothing is verified here: devices do that.
  struct Bundle {
    package::Uuid vendor{}, klass{};
    std::optional<package::Uuid> device;
    std::uint64_t sequence = 0;
    std::optional<Digest> base;
  };
  std::string name;
  Bytes bytes;
  Digest digest;
  bool is_parcel = true;  ///< false: something in it is no message that devices know
  std::vector<Bundle> bundles;
};

/// Whether all messages of it are such that a device reads them. Nothing is verified.
[[nodiscard]] bool is_parcel(ByteSpan bytes);

class ParcelFolder {
 public:
  static constexpr std::uint64_t kMaxParcelBytes = 64u << 20;

  /// @error not_found  no such folder.
  [[nodiscard]] static Result<std::unique_ptr<ParcelFolder>> open(const std::filesystem::path& folder);

  /// Files with names of letters, digits, '.', '_' and '-' that do not begin with '.'; others are not there. Those that
  /// are no parcel are served by name, but listed for nobody. Thread-safe, as everything here.
  [[nodiscard]] std::shared_ptr<const StoredParcel> find(std::string_view name);

  /// What a device can use, best first: the highest sequence, a delta before the whole, then the smallest. Parcels
  /// without a bundle (keys, time) come last.
  [[nodiscard]] std::vector<ListedParcel> list(const ParcelQuery& query);

 private:
  explicit ParcelFolder(std::filesystem::path folder) : folder_(std::move(folder)) {}
  void refresh();

  struct Entry {
    std::filesystem::file_time_type changed;
    std::uintmax_t bytes = 0;
    std::shared_ptr<const StoredParcel> parcel;
  };
  std::filesystem::path folder_;
  std::mutex mutex_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace mote::fleet
