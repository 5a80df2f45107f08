#include "mote/fleet/parcel_folder.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "mote/base/file.hpp"
#include "update/message.hpp"
#include "update/port.hpp"
#include "update/suit.hpp"

namespace mote::fleet {
namespace {

namespace fs = std::filesystem;
using update::Status;

bool is_offered(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name[0] != '.' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

std::optional<package::Uuid> uuid_of(update::Bytes bytes) {
  package::Uuid uuid{};
  if (bytes.size != uuid.size()) return std::nullopt;
  std::copy_n(bytes.data, bytes.size, uuid.begin());
  return uuid;
}

StoredParcel::Bundle bundle_of(const update::Plan& plan) {
  StoredParcel::Bundle bundle;
  bundle.vendor = uuid_of(plan.vendor).value_or(package::Uuid{});
  bundle.klass = uuid_of(plan.klass).value_or(package::Uuid{});
  bundle.device = uuid_of(plan.device);
  bundle.sequence = plan.sequence;
  if (plan.is_delta && plan.base_digest.size == sizeof(Digest::bytes)) {
    bundle.base.emplace();
    std::copy_n(plan.base_digest.data, plan.base_digest.size, bundle.base->bytes.begin());
  }
  return bundle;
}

/// @return false  something in it is no message of a parcel, or a head that devices cannot read.
bool read_bundles(ByteSpan parcel, std::vector<StoredParcel::Bundle>& bundles) {
  for (std::size_t at = 0; at < parcel.size();) {
    const ByteSpan rest = parcel.subspan(at);
    const auto total = static_cast<std::uint32_t>(rest.size());
    const update::Bytes start{rest.data(), std::min<std::size_t>(rest.size(), update::kMaxHeadBytes)};
    update::Message message;
    if (update::read_message(start, total, message) != Status::ok) return false;
    std::size_t bytes = message.bytes;
    if (message.kind == update::MessageKind::bundle) {
      update::BundleHead head;
      if (update::read_bundle_head(start, total, head) != Status::ok) return false;
      bundles.push_back(bundle_of(head.plan));
      bytes = std::size_t{head.payload_offset} + head.payload_bytes;
    }
    if (bytes == 0 || bytes > rest.size()) return false;
    at += bytes;
  }
  return !parcel.empty();
}

bool can_use(const StoredParcel::Bundle& bundle, const ParcelQuery& query) {
  if (query.vendor && *query.vendor != bundle.vendor) return false;
  if (query.klass && *query.klass != bundle.klass) return false;
  if (bundle.device && bundle.device != query.device) return false;
  if (bundle.base && bundle.base != query.base) return false;
  return bundle.sequence > query.sequence;
}

std::shared_ptr<const StoredParcel> load(const fs::path& file) {
  auto bytes = read_file(file, ParcelFolder::kMaxParcelBytes);
  if (!bytes) return nullptr;
  auto parcel = std::make_shared<StoredParcel>();
  parcel->name = file.filename().string();
  parcel->bytes = *std::move(bytes);
  parcel->digest = sha256(parcel->bytes);
  if (!read_bundles(parcel->bytes, parcel->bundles)) {
    parcel->bundles.clear();
    parcel->is_parcel = false;
  }
  return parcel;
}

}  // namespace

bool is_parcel(ByteSpan bytes) {
  std::vector<StoredParcel::Bundle> bundles;
  return read_bundles(bytes, bundles);
}

Result<std::unique_ptr<ParcelFolder>> ParcelFolder::open(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) return fail(Code::not_found, folder.string() + " is not a folder");
  return std::unique_ptr<ParcelFolder>(new ParcelFolder(folder));
}

void ParcelFolder::refresh() {
  std::set<std::string, std::less<>> seen;
  std::error_code error;
  for (fs::directory_iterator it(folder_, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code gone;
    if (!is_offered(name) || !it->is_regular_file(gone)) continue;
    const auto changed = it->last_write_time(gone);
    const auto bytes = it->file_size(gone);
    if (gone) continue;
    seen.insert(name);
    Entry& entry = entries_[name];
    if (entry.parcel && entry.changed == changed && entry.bytes == bytes) continue;
    entry = {changed, bytes, load(it->path())};
  }
  std::erase_if(entries_, [&](const auto& item) { return !seen.contains(item.first) || !item.second.parcel; });
}

std::shared_ptr<const StoredParcel> ParcelFolder::find(std::string_view name) {
  const std::lock_guard lock(mutex_);
  refresh();
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : found->second.parcel;
}

std::vector<ListedParcel> ParcelFolder::list(const ParcelQuery& query) {
  const std::lock_guard lock(mutex_);
  refresh();
  std::vector<ListedParcel> parcels;
  for (const auto& [name, entry] : entries_) {
    const StoredParcel& parcel = *entry.parcel;
    if (!parcel.is_parcel) continue;
    ListedParcel listed{name, 0, parcel.bytes.size(), parcel.digest, std::nullopt};
    for (const StoredParcel::Bundle& bundle : parcel.bundles) {
      if (!can_use(bundle, query) || bundle.sequence <= listed.sequence) continue;
      listed.sequence = bundle.sequence;
      listed.base = bundle.base;
    }
    if (listed.sequence != 0 || parcel.bundles.empty()) parcels.push_back(std::move(listed));
  }
  std::sort(parcels.begin(), parcels.end(), [](const ListedParcel& a, const ListedParcel& b) {
    return std::make_tuple(~a.sequence, !a.base, a.bytes, std::cref(a.name)) <
           std::make_tuple(~b.sequence, !b.base, b.bytes, std::cref(b.name));
  });
  return parcels;
}

}  // namespace mote::fleet
