#include "vector_unit.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "mote/base/rng.hpp"

namespace mote::board {
namespace {

/// TensorFlow Lite's two roundings, as gemmlowp writes them: x * multiplier / 2^31 to nearest, ties up; that / 2^shift
/// to nearest, ties away from zero.
std::int32_t requantized(std::int32_t x, std::int32_t multiplier, std::int32_t shift) {
  const std::int64_t product = std::int64_t{x} * multiplier;
  const std::int64_t nudge = product >= 0 ? 1 << 30 : 1 - (1 << 30);
  const std::int64_t high = (product + nudge) / (std::int64_t{1} << 31);
  const std::int64_t half = shift > 0 ? std::int64_t{1} << (shift - 1) : 0;
  const std::int64_t size = ((high < 0 ? -high : high) + half) >> shift;
  return static_cast<std::int32_t>(high < 0 ? -size : size);
}

/// 64 bytes at 0x100.
class Memory final : public VectorMemory {
 public:
  static constexpr std::uint32_t kBase = 0x100;
  std::array<std::uint8_t, 64> bytes{};

  bool read(std::uint32_t address, std::uint8_t* to, std::uint32_t count) override {
    if (address < kBase || address + count > kBase + bytes.size()) return false;
    std::memcpy(to, bytes.data() + address - kBase, count);
    return true;
  }
  bool write(std::uint32_t address, const std::uint8_t* from, std::uint32_t count) override {
    if (address < kBase || address + count > kBase + bytes.size()) return false;
    std::memcpy(bytes.data() + address - kBase, from, count);
    return true;
  }
};

/// A unit with registers and memory; instructions are given as the assembler encodes them.
class VectorUnitTest : public ::testing::Test {
 protected:
  VectorUnit unit;
  VectorRegisters registers;
  Memory memory;
  std::uint32_t pc = 0x1000;

  VectorUnit::Result run(std::uint32_t encoded) {
    return unit.execute(pc, static_cast<std::uint16_t>(encoded >> 16), static_cast<std::uint16_t>(encoded), registers,
                        memory, pc);
  }
  void expect_done(std::uint32_t encoded) { ASSERT_EQ(run(encoded), VectorUnit::Result::done) << std::hex << encoded; }
  void set_word(std::size_t q, std::size_t lane, std::int32_t value) {
    std::memcpy(registers.q[q].data() + 4 * lane, &value, 4);
  }
  [[nodiscard]] std::int32_t word(std::size_t q, std::size_t lane) const {
    std::int32_t value = 0;
    std::memcpy(&value, registers.q[q].data() + 4 * lane, 4);
    return value;
  }
};

// The end of every vector kernel: what VRSHL rounds otherwise than TensorFlow Lite is put right before it.
TEST_F(VectorUnitTest, requantization_equals_the_definition_for_negative_ties_and_extremes) {
  Rng rng(5);
  for (int trial = 0; trial < 20000; ++trial) {
    const auto shift = static_cast<std::int32_t>(rng.between(0, 31));
    auto multiplier = static_cast<std::int32_t>(rng.between(1 << 30, INT32_MAX));
    std::int32_t sums[4];
    for (std::int32_t& sum : sums) {
      sum = rng.chance(0.1) ? INT32_MIN : static_cast<std::int32_t>(rng.next());
      if (rng.chance(0.3)) {  // a tie of the second rounding: the first one halves
        multiplier = 1 << 30;
        sum =
            static_cast<std::int32_t>(rng.between(-8, 8)) * (1 << std::min(shift + 1, 27)) + (1 << std::min(shift, 27));
      }
    }
    for (std::size_t lane = 0; lane < 4; ++lane) {
      set_word(0, lane, sums[lane]);
      set_word(1, lane, multiplier);
      set_word(2, lane, -shift);
    }
    for (const std::uint32_t encoded : {
             0xff200b42u,  // vqrdmulh.s32 q0, q0, q1
             0xef006154u,  // vand q3, q0, q2
             0xefa16056u,  // vshr.s32 q3, q3, #31
             0xef200056u,  // vqadd.s32 q0, q0, q3
             0xef240540u,  // vrshl.s32 q0, q0, q2
         })
      expect_done(encoded);
    for (std::size_t lane = 0; lane < 4; ++lane)
      ASSERT_EQ(word(0, lane), requantized(sums[lane], multiplier, shift))
          << sums[lane] << " * " << multiplier << " >> " << shift;
  }
}

TEST_F(VectorUnitTest, sums_products_across_and_adds_them_to_a_register) {
  std::int32_t expected = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    registers.q[0][i] = static_cast<std::uint8_t>(-128 + static_cast<int>(i));
    registers.q[1][i] = static_cast<std::uint8_t>(i % 3 == 0 ? -128 : 127);
    expected += (-128 + static_cast<int>(i)) * (i % 3 == 0 ? -128 : 127);
  }
  registers.r[0] = 77;
  expect_done(0xeef00f02);  // vmladav.s8 r0, q0, q1
  EXPECT_EQ(static_cast<std::int32_t>(registers.r[0]), expected);
  expect_done(0xeef00f22);  // vmladava.s8 r0, q0, q1
  EXPECT_EQ(static_cast<std::int32_t>(registers.r[0]), 2 * expected);
}

TEST_F(VectorUnitTest, a_predicated_load_reads_active_bytes_only_and_clears_the_others) {
  for (std::size_t i = 0; i < memory.bytes.size(); ++i) memory.bytes[i] = static_cast<std::uint8_t>(i + 1);
  registers.q[0].fill(0xaa);
  registers.r[1] = 5;
  registers.r[2] = Memory::kBase + 59;  // five bytes before the end
  expect_done(0xf001e801);              // vctp.8 r1
  expect_done(0xfe710f4d);              // vpst
  expect_done(0xecb21e10);              // vldrbt.u8 q0, [r2], #16
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(registers.q[0][i], i < 5 ? 60 + i : 0u) << i;
  EXPECT_EQ(registers.r[2], Memory::kBase + 75);
  EXPECT_EQ(run(0xecb21e10), VectorUnit::Result::bad_access) << "behind the block all lanes are active";
}

TEST_F(VectorUnitTest, a_tail_predicated_loop_stores_exactly_its_count) {
  for (std::uint32_t count = 0; count <= 48; ++count) {
    memory.bytes.fill(0);
    registers.q[0].fill(7);
    registers.r[1] = count;
    registers.r[2] = Memory::kBase;
    pc = 0x1040;
    expect_done(0xf001c005);  // wlstp.8 lr, r1, 0x104c
    while (pc != 0x104c) {
      ASSERT_EQ(pc, 0x1044u);
      expect_done(0xeca21e10);  // vstrb.8 q0, [r2], #16
      expect_done(0xf01fc005);  // letp lr, 0x1044
    }
    for (std::uint32_t i = 0; i < memory.bytes.size(); ++i) ASSERT_EQ(memory.bytes[i], i < count ? 7u : 0u) << count;
  }
}

TEST_F(VectorUnitTest, moves_two_words_at_a_distance_of_two_lanes) {
  registers.r[1] = 11;
  registers.r[2] = 22;
  for (std::size_t lane = 0; lane < 4; ++lane) set_word(0, lane, 0);
  expect_done(0xec120f01);  // vmov q0[2], q0[0], r1, r2
  EXPECT_EQ(word(0, 0), 11);
  EXPECT_EQ(word(0, 2), 22);
}

TEST_F(VectorUnitTest, saturates_words_to_bytes) {
  const std::int32_t values[4] = {INT32_MIN, -129, 128, 5};
  for (std::size_t lane = 0; lane < 4; ++lane) set_word(0, lane, values[lane]);
  expect_done(0xee370e01);  // vqmovnb.s32 q0, q0
  expect_done(0xee330e01);  // vqmovnb.s16 q0, q0
  registers.r[2] = Memory::kBase;
  expect_done(0xeca20f04);  // vstrb.32 q0, [r2], #4
  const std::int8_t expected[4] = {-128, -128, 127, 5};
  EXPECT_EQ(std::memcmp(memory.bytes.data(), expected, 4), 0);
}

TEST_F(VectorUnitTest, refuses_what_mote_does_not_emit) {
  EXPECT_EQ(run(0xfe718f4d), VectorUnit::Result::unknown) << "vpste";
  EXPECT_FALSE(VectorUnit::knows(0xfc91, 0x1e01)) << "vld40.8";
  EXPECT_FALSE(VectorUnit::knows(0xed90, 0x0a00)) << "vldr s0, [r0]";
  EXPECT_FALSE(VectorUnit::knows(0xeb00, 0x0001)) << "add.w r0, r0, r1";
}

}  // namespace
}  // namespace mote::board
