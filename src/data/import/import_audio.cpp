#include <algorithm>
#include <cmath>

#include "../parse/audio_file.hpp"
#include "file_name.hpp"
#include "import_run.hpp"

namespace mote::data {
namespace fs = std::filesystem;
namespace {

struct Recording {
  AudioClip clip;
  FileRole role;
};

const char* name(AudioSpec::Channels channels) {
  switch (channels) {
    case AudioSpec::Channels::mix_to_mono:
      return "mix_to_mono";
    case AudioSpec::Channels::first:
      return "first";
    case AudioSpec::Channels::keep:
      return "keep";
  }
  return "unknown";
}

/// Rounds half away from zero, so that the mix of equal channels is the channel.
void reduce_channels(AudioClip& clip, AudioSpec::Channels rule) {
  if (rule == AudioSpec::Channels::keep || clip.channels == 1) return;
  const std::size_t frames = clip.frames();
  for (std::size_t t = 0; t < frames; ++t) {
    const std::int16_t* frame = clip.samples.data() + t * clip.channels;
    std::int32_t sum = frame[0];
    for (unsigned c = 1; rule == AudioSpec::Channels::mix_to_mono && c < clip.channels; ++c) sum += frame[c];
    const auto count = static_cast<std::int32_t>(rule == AudioSpec::Channels::mix_to_mono ? clip.channels : 1);
    clip.samples[t] = static_cast<std::int16_t>((sum + (sum >= 0 ? count / 2 : -(count / 2))) / count);
  }
  clip.samples.resize(frames);
  clip.channels = 1;
}

/// The rate and channel count all files must share, fixed by the settings or by the first good file.
struct Common {
  double rate_hz;
  unsigned channels = 0;
  std::string first_file;

  Result<void> admit(const AudioClip& clip, const std::string& file) {
    const std::string why = first_file.empty() ? "the settings say " : first_file + " has ";
    if (rate_hz > 0 && clip.rate_hz != rate_hz) {
      return fail(Code::malformed, "has " + std::to_string(clip.rate_hz) + " Hz, " + why +
                                       std::to_string(std::lround(rate_hz)) + " Hz; resample it first");
    }
    if (channels > 0 && clip.channels != channels) {
      return fail(Code::malformed, "has " + std::to_string(clip.channels) + " channels, " + first_file + " has " +
                                       std::to_string(channels) + "; mix to mono, or convert it first");
    }
    if (first_file.empty()) first_file = file;
    rate_hz = clip.rate_hz;
    channels = clip.channels;
    return {};
  }
};

std::uint64_t file_limit(const AudioSpec& spec) {
  const double bytes = spec.max_seconds * kMaxAudioRateHz * 8;
  return static_cast<std::uint64_t>(std::min(bytes, 1e9)) + (1 << 20);
}

}  // namespace

Result<ImportReport> import_audio(const AudioSpec& spec, const fs::path& out, Progress& progress) {
  if (!(spec.max_seconds > 0) || !(spec.rate_hz >= 0)) {
    return fail(Code::invalid_argument, "max_seconds must be positive and rate_hz not negative");
  }
  MOTE_TRY(const NamingRule rule, NamingRule::create(spec.naming));
  std::size_t ignored = 0;
  MOTE_TRY(const auto files, list_files(spec.folder, {".wav", ".flac"}, ignored));
  DatasetInfo info{spec.name, Modality::audio, Element::i16, spec.rate_hz, spec.labels, {}, {}};
  MOTE_TRY(ImportRun run, ImportRun::start(out, std::move(info), "audio", progress));
  run.report().files_ignored = ignored;
  describe(run.provenance(), spec.naming);
  run.provenance().setting("channels", name(spec.channels));

  const auto decode = [&](const SourceFile& file, ByteSpan bytes) -> Result<Recording> {
    Recording recording;
    MOTE_TRY(recording.role, rule.role(file.relative));
    MOTE_TRY(recording.clip, decode_audio(bytes, spec.max_seconds));
    reduce_channels(recording.clip, spec.channels);
    return recording;
  };
  Common common{spec.rate_hz, 0, {}};
  const auto consume = [&](const SourceFile& file, Recording recording) -> Result<void> {
    if (auto admitted = common.admit(recording.clip, file.relative); !admitted) {
      run.refuse(file.relative, admitted.error());
      return {};
    }
    const AudioClip& clip = recording.clip;
    const NewSample sample{Shape::sequence(static_cast<std::uint32_t>(clip.frames()), clip.channels),
                           bytes_of(std::span<const std::int16_t>(clip.samples)),
                           recording.role.label,
                           recording.role.group,
                           recording.role.partition,
                           file.relative};
    MOTE_TRY_VOID(run.append(sample, file.relative));
    return {};
  };
  MOTE_TRY_VOID(for_each_file(run, files, file_limit(spec), decode, consume));
  run.writer().set_rate_hz(common.rate_hz);
  return run.finish(spec.folder);
}

}  // namespace mote::data
