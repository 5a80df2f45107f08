#pragma once
// What both ends of CoAP need of libcoap; only they include this.

#include <arpa/inet.h>
#include <coap3/coap.h>

#include <algorithm>
#include <charconv>
#include <mutex>
#include <optional>
#include <string>

#include "mote/base/bytes.hpp"

namespace mote::fleet {

/// RFC 7959's option: number, whether more follow, and 16 << exponent bytes a block.
struct CoapBlock {
  std::uint32_t number = 0;
  bool more = false;
  unsigned exponent = 6;
  [[nodiscard]] std::size_t size() const { return std::size_t{16} << exponent; }
  [[nodiscard]] std::uint64_t offset() const { return std::uint64_t{number} << (exponent + 4); }
};
constexpr std::uint32_t kMaxCoapBlockNumber = (1u << 20) - 1;

inline void start_libcoap() {
  static std::once_flag once;
  std::call_once(once, [] {
    coap_startup();
    coap_set_log_level(static_cast<coap_log_t>(0));  // a library does not print
  });
}

/// The bytes of an option, or nothing.
inline std::optional<ByteSpan> coap_option(const coap_pdu_t* pdu, std::uint16_t number) {
  coap_opt_iterator_t iterator;
  coap_opt_t* option = coap_check_option(pdu, number, &iterator);
  if (option == nullptr) return std::nullopt;
  return ByteSpan(coap_opt_value(option), coap_opt_length(option));
}

/// @param number  COAP_OPTION_BLOCK1, of what is sent with requests, or COAP_OPTION_BLOCK2, of answers.
/// @return false  it is there and makes no sense.
inline bool read_block(const coap_pdu_t* pdu, std::uint16_t number, std::optional<CoapBlock>& block) {
  const auto option = coap_option(pdu, number);
  if (!option) return true;
  if (option->size() > 3) return false;
  std::uint32_t value = 0;
  for (const std::uint8_t byte : *option) value = value << 8 | byte;
  block = CoapBlock{value >> 4, (value & 8u) != 0, value & 7u};
  return block->exponent != 7;
}

inline void add_number(coap_pdu_t* pdu, std::uint16_t option, std::uint32_t value) {
  std::uint8_t bytes[4];
  const std::size_t size = coap_encode_var_safe(bytes, sizeof(bytes), value);
  coap_add_option(pdu, option, size, bytes);
}

inline void add_block(coap_pdu_t* pdu, std::uint16_t number, const CoapBlock& block) {
  add_number(pdu, number, block.number << 4 | (block.more ? 8u : 0u) | block.exponent);
}

/// An address that is written as numbers.
inline bool make_address(const std::string& text, std::uint16_t port, coap_address_t& address) {
  coap_address_init(&address);
  if (inet_pton(AF_INET, text.c_str(), &address.addr.sin.sin_addr) == 1) {
    address.size = sizeof(address.addr.sin);
    address.addr.sin.sin_family = AF_INET;
    address.addr.sin.sin_port = htons(port);
    return true;
  }
  if (inet_pton(AF_INET6, text.c_str(), &address.addr.sin6.sin6_addr) == 1) {
    address.size = sizeof(address.addr.sin6);
    address.addr.sin6.sin6_family = AF_INET6;
    address.addr.sin6.sin6_port = htons(port);
    return true;
  }
  return false;
}

}  // namespace mote::fleet
