// Any answer of a server: a list of parcels or the receipt of a report, as JSON or as CBOR. First byte: which. What is
// read is written and read again.

#include <cstdlib>

#include "mote/fleet/remote_reports.hpp"

using namespace mote;
using namespace mote::fleet;

namespace {

bool same(const std::vector<ListedParcel>& a, const std::vector<ListedParcel>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const ListedParcel& x, const ListedParcel& y) {
    return x.name == y.name && x.sequence == y.sequence && x.bytes == y.bytes && x.digest == y.digest &&
           x.base == y.base;
  });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ByteSpan rest(data + 1, size - 1);
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
  switch (data[0] % 4) {
    case 0:
      if (const auto parcels = parcels_from_cbor(rest)) {
        const auto again = parcels_from_cbor(to_cbor(*parcels));
        if (!again || !same(*parcels, *again)) std::abort();
      }
      break;
    case 1:
      if (const auto parcels = parcels_from_json(text)) {
        const auto again = parcels_from_json(to_json(*parcels));
        if (!again || !same(*parcels, *again)) std::abort();
      }
      break;
    case 2:
      if (const auto receipt = receipt_from_json(text)) {
        const auto again = receipt_from_json(to_json(*receipt));
        if (!again || again->status != receipt->status || again->is_new != receipt->is_new) std::abort();
      }
      break;
    default:
      if (const auto receipt = receipt_from_cbor(rest)) {
        const auto again = receipt_from_cbor(to_cbor(*receipt));
        if (!again || again->status != receipt->status || again->is_new != receipt->is_new) std::abort();
      }
      break;
  }
  return 0;
}
