#include "mote/fleet/fragment_encoder.hpp"

#include <algorithm>
#include <string>

#include "update/fragments.hpp"

namespace mote::fleet {

Result<FragmentEncoder> FragmentEncoder::create(ByteSpan block, std::size_t fragment_bytes) {
  if (block.empty() || fragment_bytes == 0 || fragment_bytes > 255)
    return fail(Code::invalid_argument, "a coded block needs bytes, and fragments of 1 to 255 bytes");
  const std::size_t count = (block.size() - 1) / fragment_bytes + 1;
  if (count > update::kMaxFragments)
    return fail(Code::invalid_argument,
                std::to_string(count) + " fragments are more than the 16,383 that one session numbers");
  return FragmentEncoder(block, fragment_bytes, static_cast<std::uint16_t>(count));
}

std::uint8_t FragmentEncoder::padding() const {
  return static_cast<std::uint8_t>(count_ * fragment_bytes_ - block_.size());
}

void FragmentEncoder::add(Bytes& sum, std::size_t fragment) const {
  const std::size_t from = fragment * fragment_bytes_;
  const std::size_t count = std::min(fragment_bytes_, block_.size() - from);
  for (std::size_t i = 0; i < count; ++i) sum[i] = sum[i] ^ block_[from + i];
}

Bytes FragmentEncoder::fragment(std::uint16_t number) const {
  Bytes sum(fragment_bytes_);
  if (number <= count_) {
    add(sum, number - 1u);
    return sum;
  }
  Bytes seen((count_ + 7u) / 8);
  update::for_each_column(number - std::uint32_t{count_}, count_, {seen.data(), seen.size()},
                          [&](std::uint32_t column) { add(sum, column); });
  return sum;
}

namespace {

using Line = std::vector<std::uint8_t>;  // 1 for each fragment that is combined

Line line_of(std::uint32_t number, std::uint16_t count) {
  Line line(count);
  Bytes seen((count + 7u) / 8);
  update::for_each_column(number, count, {seen.data(), seen.size()}, [&](std::uint32_t column) { line[column] = 1; });
  return line;
}

/// How badly receivers still tell fragments apart: a weight for each fragment and each pair of them.
class Confusion {
 public:
  explicit Confusion(std::size_t count) : weights_(count * count, 0.0), count_(count) {
    for (std::size_t i = 0; i < count; ++i) {
      for (std::size_t j = i; j < count; ++j) weights_[i * count + j] = i == j ? kLost : kLost * kLost;
    }
  }
  [[nodiscard]] double after(const Line& line) const {
    double sum = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      for (std::size_t j = i; j < count_; ++j) sum += weights_[i * count_ + j] * (tells(line, i, j) ? kUnheard : 1.0);
    }
    return sum;
  }
  void add(const Line& line) {
    for (std::size_t i = 0; i < count_; ++i) {
      for (std::size_t j = i; j < count_; ++j) weights_[i * count_ + j] *= tells(line, i, j) ? kUnheard : 1.0;
    }
  }

 private:
  static constexpr double kLost = 0.2;     // that a fragment is missing, about
  static constexpr double kUnheard = 0.3;  // that a coded one is
  static bool tells(const Line& line, std::size_t i, std::size_t j) {
    return i == j ? line[i] != 0 : line[i] != line[j];
  }
  std::vector<double> weights_;
  std::size_t count_;
};

}  // namespace

std::vector<std::uint16_t> coded_order(std::uint16_t count, std::size_t wanted) {
  constexpr std::size_t kChoices = 16, kMostFragments = 256;
  std::vector<std::uint16_t> order;
  std::vector<std::pair<std::uint16_t, Line>> choices;
  Confusion confusion(count <= kMostFragments ? count : 0);
  for (std::uint32_t next = count + 1u; order.size() < wanted;) {
    for (; choices.size() < (count <= kMostFragments ? kChoices : 1) && next <= update::kMaxFragments; ++next)
      choices.emplace_back(next, count <= kMostFragments ? line_of(next - count, count) : Line{});
    if (choices.empty()) break;
    std::size_t best = 0;
    double least = 0;
    for (std::size_t i = 0; choices.size() > 1 && i < choices.size(); ++i) {
      const double left = confusion.after(choices[i].second);
      if (i == 0 || left < least) {
        least = left;
        best = i;
      }
    }
    if (count <= kMostFragments) confusion.add(choices[best].second);
    order.push_back(choices[best].first);
    choices.erase(choices.begin() + static_cast<std::ptrdiff_t>(best));
  }
  return order;
}

}  // namespace mote::fleet
