#include "mote/fleet/radio_sender.hpp"

#include <algorithm>
#include <cmath>

#include "mote/base/hash.hpp"
#include "mote/fleet/fragment_encoder.hpp"
#include "update/radio.hpp"

namespace mote::fleet {
namespace {

// Setups and offers go between the fragments before which they are most needed, never two after each other, or a burst
// takes both. Whoever misses all the early ones comes in with a later one.
constexpr std::size_t kFirstOffers[] = {0, 2, 4,
                                        6, 9, 13};       // of a parcel; a device without an inbox hears nothing else
constexpr std::size_t kFirstSetups[] = {0, 1, 3, 5, 8};  // of each stretch
constexpr std::size_t kSetupEvery = 12;
constexpr std::size_t kOfferEvery = 48;

template <std::size_t N>
bool is_one_of(const std::size_t (&values)[N], std::size_t value) {
  return std::find(std::begin(values), std::end(values), value) != std::end(values);
}

/// Coded fragments after which nearly every receiver is complete: three deviations more lost than expected, seven more
/// received than needed. Losses in bursts have neighbours that are lost together, and deviate more.
std::size_t coded_count(std::size_t fragments, const RadioSenderOptions& options) {
  const double loss = options.expected_loss;
  const double lost = static_cast<double>(fragments) * loss;
  double variance = lost * (1 - loss);
  if (options.expected_burst > 1 / (1 - loss)) {
    const double alike = 1 - 1 / (options.expected_burst * (1 - loss));  // correlation of neighbours
    variance *= (1 + alike) / (1 - alike);
  }
  return static_cast<std::size_t>(std::ceil((lost + 3 * std::sqrt(variance) + 7) / (1 - loss)));
}

Bytes data_fragment(const update::Stretch& stretch, std::uint16_t number, const Bytes& payload) {
  Bytes frame(update::kDataFragmentHeader);
  frame[0] = static_cast<std::uint8_t>(update::RadioMessage::data_fragment);
  update::write_little_endian(frame.data() + 1, number | (stretch.number & 3u) << 14, 2);
  frame.insert(frame.end(), payload.begin(), payload.end());
  return frame;
}

Result<void> add_stretch(std::vector<Bytes>& frames, ByteSpan parcel, const update::Stretch& stretch,
                         const update::Announcement& announcement, const RadioSenderOptions& options,
                         std::size_t round) {
  const std::size_t from = std::size_t{stretch.first} * announcement.block_bytes;
  const std::size_t bytes = std::min(std::size_t{stretch.blocks} * announcement.block_bytes, parcel.size() - from);
  auto encoder = FragmentEncoder::create(parcel.subspan(from, bytes), announcement.block_bytes);
  if (!encoder) return fail(std::move(encoder).error(), "radio");
  const std::size_t coded = coded_count(stretch.blocks, options);
  const std::vector<std::uint16_t> order = coded_order(stretch.blocks, (round + 1) * coded);

  std::uint8_t offer[update::kRadioOfferBytes], setup[update::kSessionSetupBytes];
  update::write_offer(announcement, offer);
  update::write_setup(update::setup_of(stretch, announcement), setup);
  std::size_t sent = 0;
  const auto send = [&](std::uint16_t number) {
    if (sent % kOfferEvery == 0 || (stretch.first == 0 && is_one_of(kFirstOffers, sent)))
      frames.emplace_back(std::begin(offer), std::end(offer));
    if (sent % kSetupEvery == 0 || is_one_of(kFirstSetups, sent))
      frames.emplace_back(std::begin(setup), std::end(setup));
    frames.push_back(data_fragment(stretch, number, encoder->fragment(number)));
    ++sent;
  };
  for (std::uint16_t number = 1; number <= stretch.blocks; ++number) send(number);
  for (std::size_t i = round * coded; i < order.size(); ++i) send(order[i]);
  return {};
}

}  // namespace

update::Announcement announcement_of(ByteSpan parcel, std::size_t block_bytes) {
  update::Announcement announcement;
  const Digest digest = sha256(parcel);
  std::copy_n(digest.bytes.begin(), sizeof(announcement.id), announcement.id);
  announcement.total_bytes = static_cast<std::uint32_t>(parcel.size());
  announcement.block_bytes = static_cast<std::uint16_t>(block_bytes);
  return announcement;
}

Result<std::vector<Bytes>> radio_round(ByteSpan parcel, const RadioSenderOptions& options, std::size_t round) {
  if (options.frame_bytes < 20 || options.frame_bytes > 250 || options.stretch_blocks == 0 ||
      options.stretch_blocks > update::kMaxFragments || !(options.expected_loss >= 0 && options.expected_loss <= 0.9))
    return fail(Code::invalid_argument, "a radio sends frames of 20 to 250 bytes and loses at most 0.9 of them");
  if (parcel.empty()) return fail(Code::invalid_argument, "an empty parcel cannot be sent");
  const std::size_t block_bytes = options.frame_bytes - update::kDataFragmentHeader;
  const std::size_t blocks = (parcel.size() - 1) / block_bytes + 1;
  if (blocks > 0xffff || (blocks - 1) / options.stretch_blocks > 0xff)
    return fail(Code::too_large, "a parcel of " + std::to_string(blocks) + " frames is too long for this radio");
  const update::Announcement announcement = announcement_of(parcel, block_bytes);
  std::vector<Bytes> frames;
  const std::size_t stretches = (blocks - 1) / options.stretch_blocks + 1;
  const std::size_t length = (blocks - 1) / stretches + 1;  // about equal: a short one is coded worse
  for (std::size_t first = 0, number = 0; first < blocks; first += length, ++number) {
    const std::size_t count = std::min(blocks - first, length);
    const update::Stretch stretch{static_cast<std::uint8_t>(number), static_cast<std::uint16_t>(first),
                                  static_cast<std::uint16_t>(count)};
    const auto added = add_stretch(frames, parcel, stretch, announcement, options, round);
    if (!added) return tl::unexpected(added.error());
  }
  return frames;
}

}  // namespace mote::fleet
