// The cryptography on emulated cores against that on the host, by device/boards/crypto_main.cpp.

#include <filesystem>
#include <optional>

#include "crypto_reference.hpp"
#include "mote/base/file.hpp"
#include "mote/board/virtual_board.hpp"

namespace mote::update {
namespace {

Raw counted(const Raw& raw) { return Raw{static_cast<std::uint8_t>(raw.size())} + raw; }

struct Answer {
  Raw bytes;
  std::uint32_t cycles = 0, stack_bytes = 0;
};

struct CryptoBoard {
  const char* board;
  std::string_view core;
};

class CryptoOnBoard : public ::testing::TestWithParam<CryptoBoard> {
 protected:
  void SetUp() override { boot({}); }

  void boot(const board::VirtualBoardOptions& options) {
    const std::string elf = std::string(MOTE_CRYPTO_FIRMWARE) + std::string(GetParam().core) + ".elf";
    if (!std::filesystem::exists(elf)) GTEST_SKIP() << "no compiler for " << GetParam().core;
    auto made =
        board::VirtualBoard::create(board::find_board(GetParam().board).value(), read_file(elf).value(), options);
    ASSERT_TRUE(made) << made.error().message();
    board_.emplace(std::move(*made));
  }

  static bool is(std::string_view core) { return GetParam().core == core; }

  Answer ask(char operation, const Raw& operands, bool measured = false) {
    Raw sent{static_cast<std::uint8_t>(operation)};
    for (unsigned i = 0; i < 4; ++i) sent.push_back(static_cast<std::uint8_t>(operands.size() >> (8 * i)));
    sent = sent + operands;
    const auto said = measured ? board_->exchange_measured(sent) : board_->exchange(sent);
    EXPECT_TRUE(said) << said.error().message();
    if (!said || said->size() < 12) return {};
    const auto word = [&](std::size_t at) {
      std::uint32_t value = 0;
      for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{(*said)[at + i]} << (8 * i);
      return value;
    };
    EXPECT_EQ(said->size(), 12 + word(8));
    return {Raw(said->begin() + 12, said->end()), word(0), word(4)};
  }

  std::optional<board::VirtualBoard> board_;
};

std::vector<CryptoBoard> boards() {
  return {{"nucleo-l4r5zi", "cortex-m4f"}, {"raspberry-pi-pico", "cortex-m0plus"}, {"esp32-c3-devkitm-1", "rv32imc"}};
}
INSTANTIATE_TEST_SUITE_P(Cores, CryptoOnBoard, ::testing::ValuesIn(boards()), [](const auto& instance) {
  std::string name(instance.param.core);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST_P(CryptoOnBoard, hashes_and_derives_as_openssl) {
  Rng rng(1);
  for (const std::size_t size : {0u, 1u, 55u, 56u, 63u, 64u, 65u, 300u}) {
    const Raw message = random_bytes(rng, size), key = random_bytes(rng, size % 100), info = random_bytes(rng, 9);
    EXPECT_EQ(ask('S', message).bytes, reference::sha256(message));
    EXPECT_EQ(ask('M', counted(key) + message).bytes, reference::hmac(key, message));
    EXPECT_EQ(ask('K', Raw{80} + counted(key) + counted(info) + message).bytes,
              reference::hkdf(key, info, message, 80));
  }
}

TEST_P(CryptoOnBoard, takes_good_signatures_and_refuses_bad_ones) {
  Rng rng(2);
  // Without a multiplication to 64 bits a signature takes six times as long.
  const unsigned rounds = is("cortex-m0plus") ? 1 : 3;
  for (unsigned round = 0; round < rounds; ++round) {
    const Raw seed = random_bytes(rng, 32), message = random_bytes(rng, 100 * round);
    const Raw key = reference::public_key(EVP_PKEY_ED25519, seed), signature = reference::sign_ed25519(seed, message);
    EXPECT_EQ(ask('E', key + signature + message).bytes, Raw{1});
    EXPECT_EQ(ask('E', with_flipped_bit(key + signature, rng) + message).bytes, Raw{0});
  }
  if (is("cortex-m0plus")) return;
  const Raw digest = random_bytes(rng, 32);
  const auto [key, signature] = reference::sign_es256(digest);
  EXPECT_EQ(ask('P', key + signature + digest).bytes, Raw{1});
  EXPECT_EQ(ask('P', with_flipped_bit(key + signature + digest, rng)).bytes, Raw{0});
}

TEST_P(CryptoOnBoard, opens_what_openssl_seals_and_wraps) {
  Rng rng(3);
  for (const std::size_t size : {0u, 1u, 16u, 63u, 64u, 200u}) {
    const Raw key = random_bytes(rng, 32), nonce = random_bytes(rng, 12), aad = random_bytes(rng, size % 37);
    const Raw plain = random_bytes(rng, size);
    const auto [sealed, tag] = reference::seal(key, nonce, aad, plain);
    EXPECT_EQ(ask('C', key + nonce + tag + counted(aad) + sealed).bytes, Raw{1});
    EXPECT_EQ(ask('C', key + nonce + with_flipped_bit(tag, rng) + counted(aad) + sealed).bytes, Raw{0});
    EXPECT_EQ(ask('D', key + nonce + sealed).bytes, plain);
  }
  for (const std::size_t kek_bytes : {16u, 32u}) {
    const Raw kek = random_bytes(rng, kek_bytes), key = random_bytes(rng, 32), wrapped = reference::wrap(kek, key);
    EXPECT_EQ(ask('W', counted(kek) + wrapped).bytes, Raw{1} + key);
    EXPECT_EQ(ask('W', counted(kek) + with_flipped_bit(wrapped, rng)).bytes, Raw(33, 0));
  }
}

TEST_P(CryptoOnBoard, agrees_on_keys_as_openssl) {
  Rng rng(4);
  for (unsigned round = 0; round < 2; ++round) {
    const Raw own = random_bytes(rng, 32), other = random_bytes(rng, 32);
    EXPECT_EQ(ask('X', own + other).bytes, Raw{1} + reference::x25519(own, other));
  }
  EXPECT_EQ(ask('X', random_bytes(rng, 32) + Raw(32, 0)).bytes, Raw(33, 0));
}

// The table of docs/adr/0002-device-crypto.md comes from here. Limits leave room for another compiler.
class CryptoCost : public CryptoOnBoard {};
INSTANTIATE_TEST_SUITE_P(CortexM4, CryptoCost, ::testing::Values(boards()[0]));

TEST_P(CryptoCost, is_what_was_promised) {
  Rng rng(5);
  const Raw seed = random_bytes(rng, 32), message = random_bytes(rng, 200), kilobyte4 = random_bytes(rng, 4096);
  const Raw nonce = random_bytes(rng, 12), own = random_bytes(rng, 32), digest = random_bytes(rng, 32);
  const Raw key = reference::public_key(EVP_PKEY_ED25519, seed);
  const auto es256 = reference::sign_es256(digest);
  struct Case {
    const char* name;
    char operation;
    Raw operands;
    std::uint32_t limit_cycles;
    std::uint32_t limit_stack;
  };
  for (const Case& c : {
           Case{"ed25519", 'E', key + reference::sign_ed25519(seed, message) + message, 6'000'000, 2304},
           Case{"es256", 'P', es256.key + es256.signature + digest, 30'000'000, 4096},
           Case{"x25519", 'X', own + key, 4'500'000, 2304},
           Case{"sha256_4096", 'S', kilobyte4, 100 * 4096, 2304},
           Case{"chacha20_4096", 'D', own + nonce + kilobyte4, 130 * 4096, 2304},
           Case{"poly1305_4096", 'C', own + nonce + Raw(16) + Raw{0} + kilobyte4, 90 * 4096, 2304},
           Case{"aes_key_unwrap", 'W', counted(part(own, 0, 16)) + reference::wrap(part(own, 0, 16), own), 3'200'000,
                2304},
       }) {
    const Answer answer = ask(c.operation, c.operands, true);
    std::printf("%-16s %10u cycles %6u bytes of stack\n", c.name, answer.cycles, answer.stack_bytes);
    EXPECT_FALSE(answer.bytes.empty());
    EXPECT_LE(answer.stack_bytes, c.limit_stack) << c.name;
    EXPECT_LE(answer.cycles, c.limit_cycles) << c.name;
  }
}

// The target, with room for another compiler. What the request takes to come over the UART is in it.
TEST_P(CryptoCost, of_a_signature_is_less_than_4_million_instructions) {
  Rng rng(6);
  const Raw seed = random_bytes(rng, 32), message = random_bytes(rng, 200);
  const Raw key = reference::public_key(EVP_PKEY_ED25519, seed);
  const Raw request = key + reference::sign_ed25519(seed, message) + message;
  std::uint64_t low = 2'000'000, high = 6'000'000;
  while (high - low > 20'000) {
    const std::uint64_t middle = (low + high) / 2;
    boot({.instruction_limit = middle});
    Raw sent{'E'};
    for (unsigned i = 0; i < 4; ++i) sent.push_back(static_cast<std::uint8_t>(request.size() >> (8 * i)));
    (board_->exchange_measured(sent + request) ? high : low) = middle;
  }
  std::printf("ed25519 takes %llu instructions\n", static_cast<unsigned long long>(high));
  EXPECT_LE(high, 4'000'000u);
}

}  // namespace
}  // namespace mote::update
