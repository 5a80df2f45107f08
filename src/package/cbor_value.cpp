#include "mote/package/cbor_value.hpp"

#include <algorithm>

#include "cbor.hpp"

namespace mote::package {
namespace {

using update::CborReader;
using update::CborType;

constexpr int kMaxDepth = 24;

Bytes copy_of(update::Bytes bytes) { return Bytes(bytes.data, bytes.data + bytes.size); }

bool has_repeated_key(const CborValue& map) {
  std::vector<Bytes> keys;
  for (std::size_t i = 0; i < map.items.size(); i += 2) keys.push_back(write_cbor(map.items[i]));
  std::sort(keys.begin(), keys.end());
  return std::adjacent_find(keys.begin(), keys.end()) != keys.end();
}

CborValue read_item(CborReader& reader, int depth) {
  CborValue value;
  if (depth > kMaxDepth) {
    reader.fail(update::Status::too_large);
    return value;
  }
  value.type = reader.peek();
  std::uint64_t count = 0;
  switch (value.type) {
    case CborType::bytes:
      value.number = 0;
      value.bytes = copy_of(reader.bytes());
      break;
    case CborType::text:
      value.number = 0;
      value.bytes = copy_of(reader.text());
      break;
    case CborType::array:
      value.number = 0;
      count = reader.array();
      break;
    case CborType::map:
      value.number = 0;
      count = 2 * reader.map();
      break;
    case CborType::tag:
      value.number = reader.tag();
      count = 1;
      break;
    case CborType::unsigned_int:
    case CborType::negative_int:
    case CborType::simple:
      value.number = reader.head().value;
      break;
  }
  for (std::uint64_t i = 0; i < count && reader.status() == update::Status::ok; ++i)
    value.items.push_back(read_item(reader, depth + 1));
  if (value.type == CborType::map && has_repeated_key(value)) reader.fail(update::Status::not_canonical);
  return value;
}

Error refusal(const CborReader& reader) {
  return {Code::malformed,
          std::string("byte ") + std::to_string(reader.offset()) + ": " +
              (reader.status() == update::Status::truncated        ? "ends within an item"
               : reader.status() == update::Status::trailing_bytes ? "bytes behind the end"
               : reader.status() == update::Status::not_canonical  ? "not the deterministic encoding, or a key twice"
               : reader.status() == update::Status::too_large      ? "nested too deeply"
                                                                   : "not CBOR of fixed lengths")};
}

void write_item(update::CborWriter& writer, const CborValue& value) {
  if (value.is(CborType::bytes) && !value.items.empty()) return writer.bytes(view(write_cbor(value.items[0])));
  writer.head(value.type, value.is(CborType::map)                                 ? value.items.size() / 2
                          : value.is(CborType::array)                             ? value.items.size()
                          : value.is(CborType::bytes) || value.is(CborType::text) ? value.bytes.size()
                                                                                  : value.number);
  if (value.is(CborType::bytes) || value.is(CborType::text)) return writer.raw(view(value.bytes));
  for (const CborValue& item : value.items) write_item(writer, item);
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += "\\u00" + to_hex(as_bytes(std::string_view(&c, 1)));
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string simple_text(std::uint64_t number) {
  return number == 20   ? "false"
         : number == 21 ? "true"
         : number == 22 ? "null"
                        : "simple(" + std::to_string(number) + ")";
}

/// Long ones by their beginning: nobody reads a payload.
std::string hex_text(ByteSpan bytes) {
  constexpr std::size_t kMost = 128, kShown = 16;
  if (bytes.size() <= kMost) return "h'" + to_hex(bytes) + "'";
  return "h'" + to_hex(bytes.first(kShown)) + "...' / " + std::to_string(bytes.size()) + " bytes /";
}

std::string one_line(const CborValue& value);
std::string over_lines(const CborValue& value, std::size_t indent);

constexpr std::size_t kLineWidth = 100;

std::string comment_of(const CborValue& value) {
  return value.comment.empty() ? std::string() : "/ " + value.comment + " / ";
}

std::string print(const CborValue& value, std::size_t indent) {
  std::string line = comment_of(value) + one_line(value);
  return indent + line.size() <= kLineWidth ? line : comment_of(value) + over_lines(value, indent);
}

std::string_view opening(const CborValue& value) {
  return value.is(CborType::map) ? "{" : value.is(CborType::array) ? "[" : "<<";
}
std::string_view closing(const CborValue& value) {
  return value.is(CborType::map) ? "}" : value.is(CborType::array) ? "]" : ">>";
}

std::string one_line(const CborValue& value) {
  switch (value.type) {
    case CborType::unsigned_int:
      return std::to_string(value.number);
    case CborType::negative_int:
      // -1 - (2^64 - 1) is no 64-bit number.
      return value.number == ~std::uint64_t{0} ? "-18446744073709551616" : "-" + std::to_string(value.number + 1);
    case CborType::text:
      return quoted(value.as_text());
    case CborType::simple:
      return simple_text(value.number);
    case CborType::tag:
      return std::to_string(value.number) + "(" + one_line(value.items[0]) + ")";
    case CborType::bytes:
      if (value.items.empty()) return hex_text(value.bytes);
      break;
    case CborType::array:
    case CborType::map:
      break;
  }
  std::string out(opening(value));
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    const bool is_value = value.is(CborType::map) && i % 2 == 1;
    if (i != 0) out += is_value ? ": " : ", ";
    out += comment_of(value.items[i]) + one_line(value.items[i]);
  }
  return out.append(closing(value));
}

std::string over_lines(const CborValue& value, std::size_t indent) {
  if (value.is(CborType::tag)) return std::to_string(value.number) + "(" + print(value.items[0], indent) + ")";
  if (value.items.empty()) return one_line(value);
  const std::string inner(indent + 2, ' ');
  std::string out(opening(value));
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    const bool is_second = i % 2 == 1;
    if (value.is(CborType::map) && is_second) {
      out += ": ";
    } else if (is_second && !value.items[i - 1].comment.empty()) {
      out += ", ";  // a command and its argument
    } else {
      out += (i != 0 ? ",\n" : "\n") + inner;
    }
    out += print(value.items[i], indent + 2);
  }
  return out + "\n" + std::string(indent, ' ').append(closing(value));
}

}  // namespace

CborValue CborValue::unsigned_int(std::uint64_t value) { return {CborType::unsigned_int, value, {}, {}, {}}; }

CborValue CborValue::integer(std::int64_t value) {
  if (value >= 0) return unsigned_int(static_cast<std::uint64_t>(value));
  return {CborType::negative_int, static_cast<std::uint64_t>(-1 - value), {}, {}, {}};
}

CborValue CborValue::bytes_of(ByteSpan value) {
  return {CborType::bytes, 0, Bytes(value.begin(), value.end()), {}, {}};
}

CborValue CborValue::text(std::string_view value) {
  const ByteSpan bytes = as_bytes(value);
  return {CborType::text, 0, Bytes(bytes.begin(), bytes.end()), {}, {}};
}

CborValue CborValue::array(std::vector<CborValue> items) { return {CborType::array, 0, {}, std::move(items), {}}; }

bool CborValue::is_integer(std::int64_t value) const { return *this == integer(value); }

std::string_view CborValue::as_text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

const CborValue* CborValue::find(std::int64_t key) const {
  if (!is(CborType::map)) return nullptr;
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    if (items[i].is_integer(key)) return &items[i + 1];
  }
  return nullptr;
}

CborValue* CborValue::find(std::int64_t key) {
  return const_cast<CborValue*>(static_cast<const CborValue*>(this)->find(key));
}

Result<CborValue> read_cbor(ByteSpan bytes) {
  CborReader reader(view(bytes));
  CborValue value = read_item(reader, 0);
  if (reader.finish() != update::Status::ok) return fail(refusal(reader));
  return value;
}

Result<std::vector<CborValue>> read_cbor_sequence(ByteSpan bytes) {
  CborReader reader(view(bytes));
  std::vector<CborValue> values;
  while (reader.status() == update::Status::ok && !reader.at_end()) values.push_back(read_item(reader, 0));
  if (reader.status() != update::Status::ok) return fail(refusal(reader));
  return values;
}

Bytes write_cbor(const CborValue& value) {
  return cbor([&](update::CborWriter& writer) { write_item(writer, value); });
}

Result<void> unwrap(CborValue& value) {
  if (!value.is(CborType::bytes)) return fail(Code::malformed, "no byte string where one with CBOR in it belongs");
  MOTE_TRY(CborValue inside, read_cbor(value.bytes));
  value.items.assign(1, std::move(inside));
  return {};
}

std::string diagnostic(const CborValue& value) { return print(value, 0); }

}  // namespace mote::package
