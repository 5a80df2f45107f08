#include "parse/csv.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mote::data;
  const mote::ByteSpan text(data, size);
  CsvReader reader(text, guess_delimiter(text));
  for (auto more = reader.next(); more && *more; more = reader.next()) {
    for (const std::string_view cell : reader.row()) {
      static_cast<void>(parse_number(cell));
      static_cast<void>(parse_timestamp(cell));
    }
  }
  return 0;
}
