#pragma once
// What a courier carries: parcels for devices, reports of them, and what it knows of each device it has met. A folder
// on a phone, a gateway or a laptop:
//   parcels/DIGEST.parcel     named by their content, as everything here: what is there twice is there once
//   reports/DEVICE-NUMBER-DIGEST.report     on their way to a server
//   delivered/, refused/      those that a server has, and those that none will take
//   devices/DEVICE.json       what a device said at the last visit, and what became of the parcels it was given
// Each file is written whole or not at all. Nothing here is believed by anyone: devices and servers verify what they
// are brought.

#include <filesystem>
#include <optional>
#include <vector>

#include "mote/fleet/parcel_folder.hpp"
#include "mote/fleet/remote_parcels.hpp"
#include "mote/fleet/serial_visit.hpp"

namespace mote::fleet {

/// A parcel that a device was given, and how it ended it; `waiting`: it had not by then.
struct Handover {
  Digest parcel;
  std::uint64_t sequence = 0;  ///< of its bundle; 0: statements
  update::Status status = update::Status::waiting;
  std::string state;  ///< of the device before: what it runs and believes
};

struct PouchDevice {
  DeviceIdentity who;
  std::vector<Handover> handovers;  ///< newest last
};

struct PouchReport {
  std::filesystem::path file;
  Bytes bytes;
};

class Pouch {
 public:
  static constexpr std::size_t kMostReports = 100'000, kMostHandovers = 32;

  /// Makes the folder when it is not there.  @error io
  [[nodiscard]] static Result<Pouch> open(const std::filesystem::path& folder);

  [[nodiscard]] std::vector<PouchDevice> devices() const;
  [[nodiscard]] std::optional<PouchDevice> device(const package::Uuid& id) const;
  /// @error io
  [[nodiscard]] Result<void> remember(const PouchDevice& device);

  /// @return whether it is new here.
  /// @error malformed  no parcel that a device could read.   @error io
  [[nodiscard]] Result<bool> add_parcel(ByteSpan parcel);
  [[nodiscard]] bool has_parcel(const Digest& parcel) const;
  /// Of what a device can use, best first (ParcelFolder::list); files whose name is not their content's are removed.
  [[nodiscard]] std::vector<std::shared_ptr<const StoredParcel>> parcels_for(const ParcelQuery& query);
  /// Everything, for a card.
  [[nodiscard]] std::vector<std::shared_ptr<const StoredParcel>> parcels();
  /// Where a parcel that is being fetched gathers, as far as it has come.
  [[nodiscard]] std::filesystem::path partial(const Digest& parcel) const;

  /// @param device  that gave it; null: somebody else did.
  /// @return whether it is new here, neither on its way nor delivered nor refused.
  /// @error malformed  no report, or another device's.   @error too_large  the pouch is full.   @error io
  [[nodiscard]] Result<bool> add_report(ByteSpan report, const package::Uuid* device = nullptr);
  /// Those on their way, by name.
  [[nodiscard]] std::vector<PouchReport> reports() const;
  enum class Fate { delivered, refused };
  /// Files a report away.  @error io
  [[nodiscard]] Result<void> settle(const PouchReport& report, Fate fate);
  [[nodiscard]] std::size_t count(Fate fate) const;

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  Pouch(std::filesystem::path folder, std::shared_ptr<ParcelFolder> parcels)
      : folder_(std::move(folder)), parcels_(std::move(parcels)) {}

  std::filesystem::path folder_;
  std::shared_ptr<ParcelFolder> parcels_;
};

}  // namespace mote::fleet
