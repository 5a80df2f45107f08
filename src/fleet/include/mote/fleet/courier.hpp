#pragma once
// A courier: picks up parcels from a server, hands them to devices that have no network and takes their reports along,
// and brings these to the server, days apart, in any order. Every step can be broken off anywhere and done again; what
// was done twice counts once. Believed by nobody, it can lose and delay, and nothing else (docs/threat-model.md).

#include <functional>

#include "mote/fleet/pouch.hpp"
#include "mote/fleet/remote_reports.hpp"

namespace mote::fleet {

struct PickUp {
  std::size_t parcels = 0;  ///< that are new in the pouch
  std::size_t bytes = 0;    ///< that were read for it
  std::size_t known = 0;    ///< of use, and in the pouch already
};

/// Reads what the devices that the pouch knows can use: statements, the newest module as a delta against what the
/// device ran at the last visit, and whole, should it run something else by the next one.
/// @param more  of devices that it has not met: a class, say.
/// @error io, malformed, not_found  as RemoteParcels; what was read stays, and the next call goes on from there.
[[nodiscard]] Result<PickUp> pick_up(Pouch& pouch, RemoteParcels& server, const std::vector<ParcelQuery>& more = {});

struct VisitOptions {
  SerialSenderOptions serial;
  bool take_held = false;  ///< the parcel in the device's inbox, too, for others of its kind
};

struct Visit {
  DeviceIdentity device;            ///< as it was found
  std::vector<Handover> handovers;  ///< of this visit
  std::size_t reports = 0;          ///< new ones
  bool is_busy = false;             ///< it is at work on another parcel, and was given nothing
  bool took_parcel = false;         ///< a new one
};

/// At a device's serial line: takes its report, gives it what it can use, takes another report. A parcel that it
/// refused is not given again before it runs or believes something else.
/// @error io, malformed  as send_over_serial; what was done before is remembered.
[[nodiscard]] Result<Visit> visit(Pouch& pouch, ByteLine& line, const VisitOptions& options = {});

struct CardExchange {
  std::size_t parcels = 0;      ///< put onto the card
  std::size_t reports = 0;      ///< new ones, from it
  std::size_t taken = 0;        ///< parcels that were new to the pouch
  std::size_t passed_over = 0;  ///< files that were no reports or parcels
};

/// A card or stick that goes to devices and comes back: devices read its `*.parcel` in place, in descending order of
/// their names (statements, then the highest sequence), and leave `*.report` beside them.
/// @error io
[[nodiscard]] Result<CardExchange> exchange_card(Pouch& pouch, const std::filesystem::path& card);

struct Delivery {
  std::size_t brought = 0;  ///< that the server had not
  std::size_t known = 0;    ///< that it had
  std::size_t kept = 0;     ///< that stay in the pouch: the server has no key for them, or no room
  struct Refusal {
    std::string file;
    update::Status status;
  };
  std::vector<Refusal> refused;  ///< for good; and those that are kept
};

/// @error io, malformed, not_found  as RemoteReports; what was brought is filed, the rest stays.
[[nodiscard]] Result<Delivery> deliver(Pouch& pouch, RemoteReports& server);

/// What a courier asks for on behalf of a device.
[[nodiscard]] ParcelQuery query_of(const DeviceIdentity& device);

}  // namespace mote::fleet
