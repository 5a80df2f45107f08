// Firmware that does the cryptography of update/crypto.hpp on request: to hold a core's results against the host's, and
// to see what they take there. Over the UART, numbers little endian:
//
//   request   u8 operation, u32 length, so many bytes (kRequestBytes at most)
//   reply     u32 cycles, u32 stack bytes, u32 length, so many bytes
//
// What the bytes are stands at each operation. Lengths are the host's to get right: this is a bench, no service.

#include <cstddef>
#include <cstdint>

#include "boards/markers.hpp"
#include "boards/uart.hpp"
#include "update/crypto.hpp"

namespace {

using namespace mote::update;

constexpr std::size_t kRequestBytes = 5000;
constexpr std::size_t kPaintedBytes = 4096;  // of the stack, below the operation
constexpr std::uint8_t kPaint = 0xa5;

std::uint8_t input[kRequestBytes], output[kRequestBytes];

template <std::size_t N>
using Block = std::uint8_t[N];

/// Takes the operands of an operation out of a request, one after the other.
struct Operands {
  const std::uint8_t* at;
  std::size_t left;

  Bytes take(std::size_t bytes) {
    const Bytes taken{at, bytes < left ? bytes : left};
    at += taken.size;
    left -= taken.size;
    return taken;
  }
  template <std::size_t N>
  const Block<N>& block() {
    return *reinterpret_cast<const Block<N>*>(take(N).data);
  }
  std::size_t number() { return take(1)[0]; }
  Bytes rest() { return take(left); }
};

Block<32>& digest_out() { return *reinterpret_cast<Block<32>*>(output); }

/// @return bytes in `output`.
[[gnu::noinline]] std::size_t run(std::uint8_t operation, Operands in) {
  switch (operation) {
    case 'S': {  // bytes: their SHA-256
      Sha256 hash;
      hash.update(in.rest());
      hash.finish(digest_out());
      return 32;
    }
    case 'M': {  // u8 length, key; bytes: their HMAC
      HmacSha256 hmac(in.take(in.number()));
      hmac.update(in.rest());
      hmac.finish(digest_out());
      return 32;
    }
    case 'K': {  // u8 length of the result, u8 length, salt; u8 length, secret; info: HKDF
      const MutableBytes out{output, in.number()};
      const Bytes salt = in.take(in.number()), secret = in.take(in.number());
      hkdf_sha256(out, salt, secret, in.rest());
      return out.size;
    }
    case 'E': {  // key, signature, message: 1 if valid
      const auto& key = in.block<32>();
      const auto& signature = in.block<64>();
      output[0] = verify_ed25519(key, signature, in.rest());
      return 1;
    }
    case 'P': {  // key, signature, digest: 1 if valid
      const auto& key = in.block<64>();
      const auto& signature = in.block<64>();
      output[0] = verify_es256(key, signature, in.block<32>());
      return 1;
    }
    case 'C': {  // key, nonce, tag; u8 length, aad; ciphertext: 1 if the tag is right
      const auto& key = in.block<32>();
      const auto& nonce = in.block<12>();
      const auto& tag = in.block<16>();
      ChaChaPolyCheck check;
      check.begin(key, nonce, in.take(in.number()));
      check.update(in.rest());
      output[0] = check.finish(tag);
      return 1;
    }
    case 'D': {  // key, nonce, ciphertext: the plaintext
      const auto& key = in.block<32>();
      const auto& nonce = in.block<12>();
      const Bytes text = in.rest();
      copy(output, text);
      chacha20_at(key, nonce, 0, {output, text.size});
      return text.size;
    }
    case 'X': {  // private key, public key: 1 and the shared secret, or 0 and zeros
      const auto& private_key = in.block<32>();
      output[0] = x25519(*reinterpret_cast<Block<32>*>(output + 1), private_key, in.block<32>());
      return 33;
    }
    case 'W': {  // u8 length, key-encryption key; wrapped key: 1 and the key, or 0 and zeros
      const Bytes kek = in.take(in.number()), wrapped = in.rest();
      output[0] = aes_key_unwrap({output + 1, wrapped.size - 8}, kek, wrapped);
      return wrapped.size - 7;
    }
    default:
      return 0;
  }
}

/// Armv7-M ARM, C1.6.5 and C1.8.7. Armv6-M has no such counter.
void start_cycle_counter() {
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7
  *reinterpret_cast<volatile std::uint32_t*>(0xe000edfc) |= 1u << 24;  // DEMCR.TRCENA
  *reinterpret_cast<volatile std::uint32_t*>(0xe0001000) |= 1u;        // DWT_CTRL.CYCCNTENA
#endif
}

std::uint32_t cycles() {
#if defined(__ARM_ARCH) && __ARM_ARCH >= 7
  return *reinterpret_cast<const volatile std::uint32_t*>(0xe0001004);  // DWT_CYCCNT
#else
  return 0;
#endif
}

/// Fills the stack below the caller's frame; the gap keeps this function's own frame.
[[gnu::noinline]] volatile std::uint8_t* paint_stack() {
  constexpr std::ptrdiff_t kGap = 64;
  auto* bottom = static_cast<std::uint8_t*>(__builtin_frame_address(0)) - kGap - kPaintedBytes;
  volatile std::uint8_t* paint = bottom;
  for (std::size_t i = 0; i < kPaintedBytes; ++i) paint[i] = kPaint;
  return paint;
}

void serve(const mote::device::Uart& uart) {
  const std::uint8_t operation = uart.read();
  const std::size_t length = uart.read_u32();
  for (std::size_t i = 0; i < length; ++i) {
    const std::uint8_t byte = uart.read();
    if (i < kRequestBytes) input[i] = byte;
  }
  mote_infer_begin();
  const volatile std::uint8_t* paint = paint_stack();
  const std::uint32_t begin = cycles();
  const std::size_t bytes = run(operation, {input, length < kRequestBytes ? length : kRequestBytes});
  const std::uint32_t taken = cycles() - begin;
  mote_infer_end();
  std::size_t unused = 0;
  while (unused < kPaintedBytes && paint[unused] == kPaint) ++unused;
  uart.write_u32(taken);
  uart.write_u32(static_cast<std::uint32_t>(kPaintedBytes - unused));
  uart.write_u32(static_cast<std::uint32_t>(bytes));
  uart.write(output, bytes);
}

}  // namespace

extern "C" [[noreturn]] void mote_main();

extern "C" void mote_main() {
  const mote::device::Uart uart;
  uart.start();
  start_cycle_counter();
  for (;;) serve(uart);
}
