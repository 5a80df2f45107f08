#include "mote/fleet/parcel_list.hpp"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "mote/package/cbor_value.hpp"

namespace mote::fleet {
namespace {

using package::CborValue;
using Json = nlohmann::ordered_json;

template <std::size_t N>
Result<std::array<std::uint8_t, N>> parse_hex(std::string_view key, std::string_view text) {
  std::string digits(text);
  std::erase(digits, '-');
  std::array<std::uint8_t, N> value{};
  const auto bytes = from_hex(digits);
  if (!bytes || bytes->size() != N)
    return fail(Code::malformed, std::string(key) + " is not " + std::to_string(2 * N) + " hexadecimal digits");
  std::copy(bytes->begin(), bytes->end(), value.begin());
  return value;
}

Result<Digest> digest_of(ByteSpan bytes) {
  Digest digest;
  if (bytes.size() != digest.bytes.size()) return fail(Code::malformed, "a digest has 32 bytes");
  std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  return digest;
}

Result<void> take(ParcelQuery& query, std::string_view key, std::string_view value) {
  if (key == "vendor") {
    MOTE_TRY(query.vendor, parse_hex<16>(key, value));
  } else if (key == "class") {
    MOTE_TRY(query.klass, parse_hex<16>(key, value));
  } else if (key == "device") {
    MOTE_TRY(query.device, parse_hex<16>(key, value));
  } else if (key == "base") {
    MOTE_TRY(const auto bytes, parse_hex<32>(key, value));
    query.base = Digest{bytes};
  } else if (key == "sequence") {
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), query.sequence);
    if (error != std::errc{} || end != value.data() + value.size())
      return fail(Code::malformed, "sequence is not a number");
  }
  return {};
}

Result<ListedParcel> parcel_from(const Json& item) {
  ListedParcel parcel;
  if (!item.is_object() || !item.contains("name") || !item["name"].is_string() || !item.contains("sequence") ||
      !item["sequence"].is_number_unsigned() || !item.contains("bytes") || !item["bytes"].is_number_unsigned() ||
      !item.contains("digest") || !item["digest"].is_string() || !item.contains("base"))
    return fail(Code::malformed, "an entry of the list lacks something");
  parcel.name = item["name"].get<std::string>();
  parcel.sequence = item["sequence"].get<std::uint64_t>();
  parcel.bytes = item["bytes"].get<std::uint64_t>();
  MOTE_TRY(const Bytes digest, from_hex(item["digest"].get<std::string>()));
  MOTE_TRY(parcel.digest, digest_of(digest));
  if (item["base"].is_string()) {
    MOTE_TRY(const Bytes base, from_hex(item["base"].get<std::string>()));
    MOTE_TRY(parcel.base, digest_of(base));
  }
  return parcel;
}

}  // namespace

Result<ParcelQuery> parse_query(std::string_view text) {
  ParcelQuery query;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), part.size() + 1));
    const std::size_t equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    MOTE_TRY_VOID(take(query, part.substr(0, equals), part.substr(equals + 1)));
  }
  return query;
}

std::string print_query(const ParcelQuery& query) {
  std::string text = "sequence=" + std::to_string(query.sequence);
  if (query.vendor) text += "&vendor=" + to_hex(*query.vendor);
  if (query.klass) text += "&class=" + to_hex(*query.klass);
  if (query.device) text += "&device=" + to_hex(*query.device);
  if (query.base) text += "&base=" + query.base->hex();
  return text;
}

std::string to_json(const std::vector<ListedParcel>& parcels) {
  Json list = Json::array();
  for (const ListedParcel& parcel : parcels) {
    list.push_back({{"name", parcel.name},
                    {"sequence", parcel.sequence},
                    {"bytes", parcel.bytes},
                    {"digest", parcel.digest.hex()},
                    {"base", parcel.base ? Json(parcel.base->hex()) : Json()}});
  }
  return list.dump() + "\n";
}

Result<std::vector<ListedParcel>> parcels_from_json(std::string_view text) {
  const Json list = Json::parse(text, nullptr, false);
  if (!list.is_array()) return fail(Code::malformed, "the list of parcels is no JSON array");
  std::vector<ListedParcel> parcels;
  for (const Json& item : list) {
    MOTE_TRY(ListedParcel parcel, parcel_from(item));
    parcels.push_back(std::move(parcel));
  }
  return parcels;
}

Bytes to_cbor(const std::vector<ListedParcel>& parcels) {
  std::vector<CborValue> list;
  for (const ListedParcel& parcel : parcels) {
    list.push_back(CborValue::array({CborValue::text(parcel.name), CborValue::unsigned_int(parcel.sequence),
                                     CborValue::unsigned_int(parcel.bytes), CborValue::bytes_of(parcel.digest.bytes),
                                     parcel.base ? CborValue::bytes_of(parcel.base->bytes) : CborValue::null()}));
  }
  return package::write_cbor(CborValue::array(std::move(list)));
}

Result<std::vector<ListedParcel>> parcels_from_cbor(ByteSpan bytes) {
  MOTE_TRY(const CborValue list, package::read_cbor(bytes));
  if (!list.is(update::CborType::array)) return fail(Code::malformed, "the list of parcels is no CBOR array");
  std::vector<ListedParcel> parcels;
  for (const CborValue& item : list.items) {
    if (!item.is(update::CborType::array) || item.items.size() != 5 || !item.items[0].is(update::CborType::text) ||
        !item.items[1].is(update::CborType::unsigned_int) || !item.items[2].is(update::CborType::unsigned_int) ||
        !item.items[3].is(update::CborType::bytes))
      return fail(Code::malformed, "an entry of the list lacks something");
    ListedParcel parcel;
    parcel.name = item.items[0].as_text();
    parcel.sequence = item.items[1].number;
    parcel.bytes = item.items[2].number;
    MOTE_TRY(parcel.digest, digest_of(item.items[3].bytes));
    if (!item.items[4].is_null()) {
      MOTE_TRY(parcel.base, digest_of(item.items[4].bytes));
    }
    parcels.push_back(std::move(parcel));
  }
  return parcels;
}

}  // namespace mote::fleet
