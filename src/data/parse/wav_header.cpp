#include <string>

#include "audio_file.hpp"

namespace mote::data {
namespace {

constexpr std::uint16_t kPcm = 1;
constexpr std::uint16_t kFloat = 3;
constexpr std::uint16_t kALaw = 6;
constexpr std::uint16_t kMuLaw = 7;
constexpr std::uint16_t kExtensible = 0xfffe;

std::string at(std::size_t offset) { return "byte " + std::to_string(offset) + ": "; }

std::uint32_t tag(const char (&text)[5]) {
  std::uint32_t value = 0;
  for (std::size_t k = 4; k-- > 0;) value = (value << 8) | static_cast<std::uint8_t>(text[k]);
  return value;
}

struct Format {
  WavHeader header;
  std::uint16_t frame_bytes = 0;
};

Result<Format> read_format(ByteSpan chunk, std::size_t offset) {
  if (chunk.size() < 16) return fail(Code::malformed, at(offset) + "the WAV format chunk is too short");
  ByteReader reader(chunk);
  MOTE_TRY(std::uint16_t format, reader.u16_le());
  MOTE_TRY(const std::uint16_t channels, reader.u16_le());
  MOTE_TRY(const std::uint32_t rate_hz, reader.u32_le());
  MOTE_TRY_VOID(reader.take(4));
  MOTE_TRY(const std::uint16_t frame_bytes, reader.u16_le());
  MOTE_TRY(const std::uint16_t bits, reader.u16_le());
  if (format == kExtensible && chunk.size() >= 26) format = static_cast<std::uint16_t>(chunk[24] | (chunk[25] << 8));
  if (format != kPcm && format != kFloat && format != kALaw && format != kMuLaw) {
    return fail(Code::unsupported, at(offset) + "WAV encoding " + std::to_string(format) +
                                       " is not supported; convert the file to 16-bit PCM");
  }
  if (channels == 0 || channels > kMaxAudioChannels) {
    return fail(Code::malformed, at(offset + 2) + "the WAV header says " + std::to_string(channels) + " channels");
  }
  if (rate_hz == 0 || rate_hz > kMaxAudioRateHz) {
    return fail(Code::malformed, at(offset + 4) + "the WAV header says " + std::to_string(rate_hz) + " Hz");
  }
  if (bits == 0 || bits > 64 || frame_bytes != channels * ((bits + 7) / 8)) {
    return fail(Code::malformed, at(offset + 12) + "the WAV header says " + std::to_string(frame_bytes) +
                                     " bytes a frame for " + std::to_string(channels) + " channels of " +
                                     std::to_string(bits) + " bits");
  }
  return Format{{rate_hz, channels, 0}, frame_bytes};
}

}  // namespace

Result<WavHeader> check_wav(ByteSpan file) {
  ByteReader reader(file);
  if (file.size() < 12) return fail(Code::malformed, at(file.size()) + "truncated in the WAV header");
  MOTE_TRY(const std::uint32_t riff, reader.u32_le());
  MOTE_TRY(const std::uint32_t riff_bytes, reader.u32_le());
  MOTE_TRY(const std::uint32_t wave, reader.u32_le());
  if (riff != tag("RIFF") || wave != tag("WAVE")) return fail(Code::malformed, at(0) + "not a WAV file");
  // Some writers count the last chunk's padding byte without writing it.
  if (std::uint64_t{riff_bytes} + 8 > std::uint64_t{file.size()} + 1) {
    return fail(Code::malformed, at(4) + "the WAV header says " + std::to_string(std::uint64_t{riff_bytes} + 8) +
                                     " bytes, the file has " + std::to_string(file.size()));
  }
  Format format;
  while (reader.remaining() >= 8) {
    const std::size_t start = reader.offset();
    MOTE_TRY(const std::uint32_t id, reader.u32_le());
    MOTE_TRY(const std::uint32_t size, reader.u32_le());
    if (size > reader.remaining()) {
      return fail(Code::malformed, at(start + 4) + "a WAV chunk says " + std::to_string(size) +
                                       " bytes, the file has " + std::to_string(reader.remaining()) + " left");
    }
    const std::size_t body = reader.offset();
    MOTE_TRY(const ByteSpan chunk, reader.take(size));
    if (id == tag("fmt ")) {
      MOTE_TRY(format, read_format(chunk, body));
    } else if (id == tag("data")) {
      if (format.frame_bytes == 0) return fail(Code::malformed, at(start) + "WAV samples come before their format");
      if (size == 0) return fail(Code::malformed, at(start + 4) + "the WAV file has no samples");
      if (size % format.frame_bytes != 0) {
        return fail(Code::malformed, at(start + 4) + "the WAV samples' " + std::to_string(size) +
                                         " bytes are not whole frames of " + std::to_string(format.frame_bytes));
      }
      format.header.frames = size / format.frame_bytes;
      return format.header;
    }
    if (size % 2 != 0 && reader.remaining() > 0) MOTE_TRY_VOID(reader.take(1));
  }
  return fail(Code::malformed, at(reader.offset()) + "the WAV file has no chunk of samples");
}

}  // namespace mote::data
