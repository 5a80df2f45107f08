// The one file that sees libsndfile.
#include "audio_file.hpp"

#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <string>

namespace mote::data {
namespace {

constexpr std::size_t kBlockValues = 16'384;

/// The file for libsndfile's virtual input.
struct Memory {
  ByteSpan bytes;
  sf_count_t offset = 0;

  static sf_count_t size(void* self) { return static_cast<sf_count_t>(static_cast<Memory*>(self)->bytes.size()); }
  static sf_count_t seek(sf_count_t to, int whence, void* self) {
    auto& memory = *static_cast<Memory*>(self);
    const sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? memory.offset : size(self);
    memory.offset = std::clamp<sf_count_t>(base + to, 0, size(self));
    return memory.offset;
  }
  static sf_count_t read(void* out, sf_count_t count, void* self) {
    auto& memory = *static_cast<Memory*>(self);
    const sf_count_t taken = std::clamp<sf_count_t>(count, 0, size(self) - memory.offset);
    std::memcpy(out, memory.bytes.data() + memory.offset, static_cast<std::size_t>(taken));
    memory.offset += taken;
    return taken;
  }
  static sf_count_t write(const void*, sf_count_t, void*) { return 0; }
  static sf_count_t tell(void* self) { return static_cast<Memory*>(self)->offset; }
};

struct Close {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using SoundFile = std::unique_ptr<SNDFILE, Close>;

bool starts_with(ByteSpan file, const char* magic) {
  return file.size() >= 4 && std::memcmp(file.data(), magic, 4) == 0;
}

std::string broken_at(sf_count_t frame, SNDFILE* file) {
  return "frame " + std::to_string(frame) + ": the samples end early or are broken (" + sf_strerror(file) + ")";
}

/// Reads to the end in blocks: no allocation follows a number in the header.
Result<std::vector<std::int16_t>> read_integers(SNDFILE* file, const SF_INFO& info) {
  std::vector<std::int16_t> samples;
  std::vector<std::int16_t> block(kBlockValues / static_cast<std::size_t>(info.channels) *
                                  static_cast<std::size_t>(info.channels));
  const auto block_frames = static_cast<sf_count_t>(block.size()) / info.channels;
  sf_count_t done = 0;
  while (done < info.frames) {
    const sf_count_t count = sf_readf_short(file, block.data(), std::min(block_frames, info.frames - done));
    if (count <= 0) return fail(Code::malformed, broken_at(done, file));
    samples.insert(samples.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(count * info.channels));
    done += count;
  }
  return samples;
}

Result<std::vector<std::int16_t>> read_floats(SNDFILE* file, const SF_INFO& info) {
  std::vector<std::int16_t> samples;
  std::vector<float> block(kBlockValues / static_cast<std::size_t>(info.channels) *
                           static_cast<std::size_t>(info.channels));
  const auto block_frames = static_cast<sf_count_t>(block.size()) / info.channels;
  sf_count_t done = 0;
  while (done < info.frames) {
    const sf_count_t count = sf_readf_float(file, block.data(), std::min(block_frames, info.frames - done));
    if (count <= 0) return fail(Code::malformed, broken_at(done, file));
    for (sf_count_t k = 0; k < count * info.channels; ++k) {
      const float value = block[static_cast<std::size_t>(k)];
      if (!std::isfinite(value)) {
        return fail(Code::malformed,
                    "frame " + std::to_string(done + k / info.channels) + ": a sample is not a finite number");
      }
      samples.push_back(static_cast<std::int16_t>(std::lrint(std::clamp(value * 32767.0f, -32768.0f, 32767.0f))));
    }
    done += count;
  }
  return samples;
}

Result<void> check_info(const SF_INFO& info, double max_seconds) {
  if (info.channels < 1 || info.channels > static_cast<int>(kMaxAudioChannels)) {
    return fail(Code::malformed, "byte 0: the header says " + std::to_string(info.channels) + " channels");
  }
  if (info.samplerate < 1 || info.samplerate > static_cast<int>(kMaxAudioRateHz)) {
    return fail(Code::malformed, "byte 0: the header says " + std::to_string(info.samplerate) + " Hz");
  }
  if (info.frames < 1) return fail(Code::malformed, "byte 0: the header says no samples, or does not say how many");
  const double seconds = static_cast<double>(info.frames) / info.samplerate;
  if (seconds > max_seconds) {
    return fail(Code::too_large, "byte 0: lasts " + std::to_string(std::lround(seconds)) + " s, at most " +
                                     std::to_string(std::lround(max_seconds)) +
                                     " s are taken; cut it, or raise max_seconds");
  }
  return {};
}

}  // namespace

Result<AudioClip> decode_audio(ByteSpan bytes, double max_seconds) {
  std::optional<WavHeader> wav;
  if (bytes.empty()) return fail(Code::malformed, "byte 0: the file is empty");
  if (starts_with(bytes, "RIFF")) {
    MOTE_TRY(wav, check_wav(bytes));
  } else if (!starts_with(bytes, "fLaC")) {
    return fail(Code::malformed, "byte 0: neither a WAV nor a FLAC file");
  }
  Memory memory{bytes};
  SF_VIRTUAL_IO io{&Memory::size, &Memory::seek, &Memory::read, &Memory::write, &Memory::tell};
  SF_INFO info{};
  const SoundFile file(sf_open_virtual(&io, SFM_READ, &info, &memory));
  if (!file) return fail(Code::malformed, std::string("byte 0: not readable as audio (") + sf_strerror(nullptr) + ")");
  MOTE_TRY_VOID(check_info(info, max_seconds));
  if (wav && (static_cast<std::uint64_t>(info.frames) != wav->frames ||
              static_cast<unsigned>(info.channels) != wav->channels)) {
    return fail(Code::malformed, "byte 4: the WAV header says " + std::to_string(wav->frames) + " frames, " +
                                     std::to_string(info.frames) + " can be read");
  }
  const int encoding = info.format & SF_FORMAT_SUBMASK;
  const bool is_float = encoding == SF_FORMAT_FLOAT || encoding == SF_FORMAT_DOUBLE;
  AudioClip clip;
  clip.rate_hz = static_cast<unsigned>(info.samplerate);
  clip.channels = static_cast<unsigned>(info.channels);
  MOTE_TRY(clip.samples, is_float ? read_floats(file.get(), info) : read_integers(file.get(), info));
  return clip;
}

}  // namespace mote::data
