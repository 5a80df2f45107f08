#include "mote/fleet/courier.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <set>

#include "mote/base/file.hpp"
#include "update/report.hpp"

namespace mote::fleet {
namespace {

namespace fs = std::filesystem;
using update::Phase;
using update::Status;

constexpr std::size_t kMostStatements = 8;  // of one answer: a keys document a year is a lot
constexpr std::size_t kMostFilesOfCard = 10'000;

/// Of a server's list: statements, and of the newest sequence the best delta and the best whole module.
std::vector<ListedParcel> worth_carrying(const std::vector<ListedParcel>& list) {
  std::vector<ListedParcel> chosen;
  std::uint64_t newest = 0;
  for (const ListedParcel& parcel : list) newest = std::max(newest, parcel.sequence);
  std::size_t statements = 0;
  bool has_delta = false, has_whole = false;
  for (const ListedParcel& parcel : list) {
    if (parcel.sequence == 0) {
      if (++statements <= kMostStatements) chosen.push_back(parcel);
      continue;
    }
    bool& has = parcel.base ? has_delta : has_whole;
    if (parcel.sequence != newest || has) continue;
    has = true;
    chosen.push_back(parcel);
  }
  return chosen;
}

Result<void> append(const fs::path& file, ByteSpan bytes) {
  std::ofstream out(file, std::ios::binary | std::ios::app);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out) return fail(Code::io, file.string() + " cannot be written");
  return {};
}

/// Goes on where an earlier call was broken off. @return bytes read from the server.
Result<std::size_t> fetch(Pouch& pouch, RemoteParcels& server, const ListedParcel& parcel) {
  if (parcel.bytes == 0 || parcel.bytes > ParcelFolder::kMaxParcelBytes)
    return fail(Code::malformed, "the server offers a parcel of " + std::to_string(parcel.bytes) + " bytes");
  const fs::path partial = pouch.partial(parcel.digest);
  std::error_code ignored;
  // What a cut left may be spoiled: the digest tells, and it is read anew once.
  std::size_t read = 0;
  for (const bool anew : {false, true}) {
    if (anew) fs::remove(partial, ignored);
    std::uint64_t have = fs::exists(partial, ignored) ? fs::file_size(partial, ignored) : 0;
    if (have > parcel.bytes) continue;
    while (have < parcel.bytes) {
      const std::size_t count =
          static_cast<std::size_t>(std::min<std::uint64_t>(server.best_read_bytes(), parcel.bytes - have));
      MOTE_TRY(const Bytes piece, server.read(parcel, have, count));
      MOTE_TRY_VOID(append(partial, piece));
      have += piece.size();
      read += piece.size();
    }
    MOTE_TRY(const Bytes whole, read_file(partial, ParcelFolder::kMaxParcelBytes));
    if (sha256(whole) != parcel.digest) continue;
    const auto added = pouch.add_parcel(whole);
    if (added || added.error().code() == Code::malformed) fs::remove(partial, ignored);
    if (!added) return fail(added.error(), parcel.name);
    return read;
  }
  fs::remove(partial, ignored);
  return fail(Code::malformed, parcel.name + " is not what the server says: its digest differs");
}

/// What a device runs and believes: as long as this is the same, it refuses a parcel as before.
std::string state_of(const DeviceIdentity& who) {
  return who.active.short_hex() + "/" + std::to_string(who.tried_sequence) + "/" + std::to_string(who.keys_version) +
         "/" + std::to_string(who.time_s);
}

/// How a parcel ends that may end otherwise the next time, with the device as it was.
bool may_end_otherwise(Status status) {
  return status == Status::waiting || status == Status::battery_low || status == Status::too_slow ||
         status == Status::store_full || status == Status::flash_failed || status == Status::busy;
}

bool is_worth_giving(const PouchDevice& device, const StoredParcel& parcel, const std::string& state) {
  for (const Handover& handover : device.handovers) {
    if (handover.parcel != parcel.digest || may_end_otherwise(handover.status)) continue;
    // Statements that were taken or are old stay so. A bundle may be wanted again, as repair.
    const bool is_known = handover.status == Status::ok || handover.status == Status::replayed;
    if ((is_known && handover.sequence == 0) || handover.state == state) return false;
  }
  return true;
}

void note(PouchDevice& device, const Handover& handover) {
  std::erase_if(device.handovers, [&](const Handover& before) { return before.parcel == handover.parcel; });
  device.handovers.push_back(handover);
}

/// In descending order: statements, then the highest sequence first.
std::string card_name(const StoredParcel& parcel) {
  std::uint64_t sequence = 0;
  for (const auto& bundle : parcel.bundles) sequence = std::max(sequence, bundle.sequence);
  char place[32] = "statement";
  if (sequence != 0) std::snprintf(place, sizeof(place), "sequence-%012llu", static_cast<unsigned long long>(sequence));
  return std::string(place) + "-" + parcel.digest.hex().substr(0, 16) + ".parcel";
}

class Visitor {
 public:
  Visitor(Pouch& pouch, ByteLine& line, const VisitOptions& options) : pouch_(pouch), line_(line), options_(options) {}

  Result<Visit> visit() {
    MOTE_TRY(visit_.device, ask_who(line_, options_.serial));
    device_ = pouch_.device(visit_.device.device).value_or(PouchDevice{});
    device_.who = visit_.device;
    MOTE_TRY_VOID(pouch_.remember(device_));
    MOTE_TRY_VOID(take_report());
    if (options_.take_held) MOTE_TRY_VOID(take_held_parcel());
    MOTE_TRY_VOID(give());
    if (!visit_.handovers.empty()) {
      MOTE_TRY_VOID(take_report());
      MOTE_TRY(device_.who, ask_who(line_, options_.serial));
      MOTE_TRY_VOID(pouch_.remember(device_));
    }
    return std::move(visit_);
  }

 private:
  Result<void> take_report() {
    MOTE_TRY(const Bytes report, ask_report(line_, options_.serial));
    MOTE_TRY(const bool is_new, pouch_.add_report(report, &visit_.device.device));
    visit_.reports += is_new ? 1 : 0;
    return {};
  }

  Result<void> take_held_parcel() {
    MOTE_TRY(const Bytes held, take_held(line_, ParcelFolder::kMaxParcelBytes, options_.serial));
    if (held.empty()) return {};
    MOTE_TRY(visit_.took_parcel, pouch_.add_parcel(held));
    return {};
  }

  Result<void> give() {
    const Phase phase = visit_.device.phase;
    visit_.is_busy = phase != Phase::idle && phase != Phase::receiving && phase != Phase::preparing;
    if (visit_.is_busy) return {};
    auto parcels = pouch_.parcels_for(query_of(visit_.device));
    // Keys first: they may be what the rest is signed with.
    std::stable_partition(parcels.begin(), parcels.end(), [](const auto& parcel) { return parcel->bundles.empty(); });
    for (const auto& parcel : parcels) {
      if (!is_worth_giving(device_, *parcel, state_of(visit_.device))) continue;
      MOTE_TRY(const bool goes_on, give(*parcel));
      if (!goes_on) break;
    }
    return {};
  }

  /// @return whether the device is free for another one.
  Result<bool> give(const StoredParcel& parcel) {
    Handover handover{parcel.digest, 0, Status::waiting, state_of(visit_.device)};
    for (const auto& bundle : parcel.bundles) handover.sequence = std::max(handover.sequence, bundle.sequence);
    const auto sent = send_over_serial(line_, parcel.bytes, options_.serial);
    if (!sent && sent.error().code() == Code::invalid_argument) {
      visit_.is_busy = true;
      return false;
    }
    if (!sent && sent.error().code() == Code::too_large) handover.status = Status::too_large;
    if (!sent && handover.status == Status::waiting) return tl::unexpected(sent.error());
    if (sent && sent->phase == Phase::idle) handover.status = sent->status;
    note(device_, handover);
    visit_.handovers.push_back(handover);
    MOTE_TRY_VOID(pouch_.remember(device_));
    const bool is_installed = !parcel.bundles.empty() && handover.status == Status::ok;
    return handover.status != Status::waiting && !is_installed;
  }

  Pouch& pouch_;
  ByteLine& line_;
  const VisitOptions& options_;
  PouchDevice device_;
  Visit visit_;
};

}  // namespace

ParcelQuery query_of(const DeviceIdentity& device) {
  ParcelQuery query;
  query.vendor = device.vendor;
  query.klass = device.klass;
  query.device = device.device;
  query.sequence = device.tried_sequence;
  if (device.active != Digest{}) query.base = device.active;
  // A module that was confirmed and does not run any more was damaged: the bundle that brought it repairs it.
  if (device.active_sequence < device.confirmed_sequence) query.sequence = device.confirmed_sequence - 1;
  return query;
}

Result<PickUp> pick_up(Pouch& pouch, RemoteParcels& server, const std::vector<ParcelQuery>& more) {
  PickUp result;
  std::vector<ParcelQuery> queries;
  for (const PouchDevice& device : pouch.devices()) queries.push_back(query_of(device.who));
  queries.insert(queries.end(), more.begin(), more.end());
  std::set<std::string> asked, seen;
  for (const ParcelQuery& query : queries) {
    if (!asked.insert(print_query(query)).second) continue;
    MOTE_TRY(const std::vector<ListedParcel> list, server.list(query));
    for (const ListedParcel& parcel : worth_carrying(list)) {
      if (!seen.insert(parcel.digest.hex()).second) continue;
      if (pouch.has_parcel(parcel.digest)) {
        ++result.known;
        continue;
      }
      MOTE_TRY(const std::size_t read, fetch(pouch, server, parcel));
      ++result.parcels;
      result.bytes += read;
    }
  }
  return result;
}

Result<Visit> visit(Pouch& pouch, ByteLine& line, const VisitOptions& options) {
  return Visitor(pouch, line, options).visit();
}

Result<CardExchange> exchange_card(Pouch& pouch, const fs::path& card) {
  CardExchange result;
  std::error_code error;
  if (!fs::is_directory(card, error)) return fail(Code::not_found, card.string() + " is not a folder");
  std::size_t files = 0;
  for (fs::directory_iterator it(card, error), end; !error && it != end && files < kMostFilesOfCard;
       it.increment(error), ++files) {
    const fs::path extension = it->path().extension();
    if (extension != ".report" && extension != ".parcel") continue;
    const bool is_report = extension == ".report";
    const auto bytes = read_file(it->path(), is_report ? update::kMaxReportBytes : ParcelFolder::kMaxParcelBytes);
    const auto added = !bytes      ? fail(Code::malformed, "too long, or unreadable")
                       : is_report ? pouch.add_report(*bytes)
                                   : pouch.add_parcel(*bytes);
    if (!added && added.error().code() != Code::malformed) return tl::unexpected(added.error());
    if (!added) ++result.passed_over;
    if (added && *added) ++(is_report ? result.reports : result.taken);
  }
  for (const auto& parcel : pouch.parcels()) {
    const fs::path file = card / card_name(*parcel);
    if (fs::exists(file, error)) continue;
    MOTE_TRY_VOID(write_file(file, parcel->bytes));
    ++result.parcels;
  }
  return result;
}

Result<Delivery> deliver(Pouch& pouch, RemoteReports& server) {
  Delivery result;
  for (const PouchReport& report : pouch.reports()) {
    MOTE_TRY(const ReportReceipt receipt, server.bring(report.bytes));
    if (receipt.status == Status::ok) {
      ++(receipt.is_new ? result.brought : result.known);
      MOTE_TRY_VOID(pouch.settle(report, Pouch::Fate::delivered));
      continue;
    }
    result.refused.push_back({report.file.filename().string(), receipt.status});
    const bool stays = receipt.status == Status::unknown_key || receipt.status == Status::store_full;
    if (stays)
      ++result.kept;
    else
      MOTE_TRY_VOID(pouch.settle(report, Pouch::Fate::refused));
  }
  return result;
}

}  // namespace mote::fleet
