#pragma once
// Any CBOR item as a value: what describes messages and reads those of others. Deterministic heads and definite lengths
// only, as the device's reader has them; maps keep the order they came in, so that encoding gives the same bytes.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "mote/base/bytes.hpp"
#include "mote/base/error.hpp"
#include "update/cbor.hpp"

namespace mote::package {

struct CborValue {
  update::CborType type = update::CborType::simple;
  std::uint64_t number = update::kCborNull;  ///< of numbers (a negative one is -1 - number), tags and simple values
  Bytes bytes;                               ///< of byte and text strings
  /// Elements of an array; keys and values of a map, in turn; what a tag is on; or, in a byte string, the item that
  /// `unwrap` found inside.
  std::vector<CborValue> items;
  std::string comment;  ///< what it is, for diagnostic(); never encoded

  [[nodiscard]] static CborValue unsigned_int(std::uint64_t value);
  [[nodiscard]] static CborValue integer(std::int64_t value);
  [[nodiscard]] static CborValue bytes_of(ByteSpan value);
  [[nodiscard]] static CborValue text(std::string_view value);
  [[nodiscard]] static CborValue array(std::vector<CborValue> items);
  [[nodiscard]] static CborValue null() { return {}; }

  [[nodiscard]] bool is(update::CborType kind) const { return type == kind; }
  [[nodiscard]] bool is_null() const { return is(update::CborType::simple) && number == update::kCborNull; }
  [[nodiscard]] bool is_integer(std::int64_t value) const;
  [[nodiscard]] std::string_view as_text() const;

  /// The value of an integer key, or null pointer.
  [[nodiscard]] const CborValue* find(std::int64_t key) const;
  [[nodiscard]] CborValue* find(std::int64_t key);

  /// Comments do not count.
  bool operator==(const CborValue& other) const {
    return type == other.type && number == other.number && bytes == other.bytes && items == other.items;
  }
};

/// One item that is all of `bytes`.
/// @error malformed  not CBOR of this form; a key twice; nested more than 24 deep; bytes behind the end.
[[nodiscard]] Result<CborValue> read_cbor(ByteSpan bytes);
/// A sequence of items (RFC 8742).
[[nodiscard]] Result<std::vector<CborValue>> read_cbor_sequence(ByteSpan bytes);
[[nodiscard]] Bytes write_cbor(const CborValue& value);

/// Makes a byte string that holds one CBOR item show it; the encoding stays the same.
/// @error malformed  no byte string, or no item in it.
[[nodiscard]] Result<void> unwrap(CborValue& value);

/// Diagnostic notation (RFC 8949, section 8, and RFC 8610, appendix G) with comments, over lines where it is long; of
/// byte strings above 128 bytes the beginning.
[[nodiscard]] std::string diagnostic(const CborValue& value);

}  // namespace mote::package
