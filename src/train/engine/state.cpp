#include "state.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstring>

#include "mote/base/bytes.hpp"
#include "mote/base/file.hpp"

namespace mote::train {
namespace {

constexpr std::string_view kMagic = "MOTECKP1";
constexpr std::size_t kDigestBytes = 32;

std::filesystem::path file_in(const std::filesystem::path& folder) { return folder / "checkpoint.bin"; }

// One list of fields serves writing and reading: `visit` takes numbers, arrays of floats and the curves.
template <class S, class Visitor>
void fields(S& s, Visitor&& visit) {
  visit(s.step);
  for (auto* weights : {&s.current, &s.averaged, &s.best}) {
    visit(weights->parameters);
    visit(weights->statistics);
  }
  visit(s.first_moment);
  visit(s.second_moment);
  visit(s.best_loss);
  visit(s.stale_epochs);
  visit(s.finished);
  visit(s.stopped_early);
  visit(s.epoch_loss);
  visit(s.epoch_correct);
  visit(s.epoch_seconds);
  visit(s.curves);
}

struct Writer {
  ByteWriter out;
  void operator()(std::int64_t v) { out.u64_le(static_cast<std::uint64_t>(v)); }
  void operator()(std::int32_t v) { out.u32_le(static_cast<std::uint32_t>(v)); }
  void operator()(bool v) { out.u8(v ? 1 : 0); }
  void operator()(double v) { out.u64_le(std::bit_cast<std::uint64_t>(v)); }
  void operator()(const std::vector<float>& v) {
    out.u64_le(v.size());
    out.append(bytes_of(std::span<const float>(v)));
  }
  void operator()(const std::vector<Epoch>& v) {
    out.u64_le(v.size());
    for (const Epoch& e : v) {
      for (const double d : {e.loss, e.accuracy, e.learning_rate, e.validation_loss, e.validation_accuracy, e.seconds})
        (*this)(d);
    }
  }
};

/// The digest at the file's end has been checked, so a read past the end means that another version wrote the file.
struct Reader {
  ByteReader in;
  bool good = true;
  template <class T>
  T keep(Result<T> r) {
    good = good && r.has_value();
    return r ? *r : T{};
  }
  void operator()(std::int64_t& v) { v = static_cast<std::int64_t>(keep(in.u64_le())); }
  void operator()(std::int32_t& v) { v = static_cast<std::int32_t>(keep(in.u32_le())); }
  void operator()(bool& v) { v = keep(in.u8()) != 0; }
  void operator()(double& v) { v = std::bit_cast<double>(keep(in.u64_le())); }
  void operator()(std::vector<float>& v) {
    const std::uint64_t count = keep(in.u64_le());
    good = good && count <= in.remaining() / sizeof(float);
    if (!good) return;
    const ByteSpan raw = keep(in.take(count * sizeof(float)));
    v.resize(count);
    if (count > 0) std::memcpy(v.data(), raw.data(), raw.size());
  }
  void operator()(std::vector<Epoch>& v) {
    const std::uint64_t count = keep(in.u64_le());
    good = good && count <= in.remaining() / (6 * sizeof(double));
    if (!good) return;
    v.resize(count);
    for (Epoch& e : v) {
      for (double* d : {&e.loss, &e.accuracy, &e.learning_rate, &e.validation_loss, &e.validation_accuracy, &e.seconds})
        (*this)(*d);
    }
  }
};

}  // namespace

Result<void> save_state(const std::filesystem::path& folder, const Digest& key, const State& state) {
  Writer writer;
  writer.out.append(as_bytes(kMagic));
  writer.out.append(key.bytes);
  fields(state, writer);
  const Digest digest = sha256(writer.out.bytes());
  writer.out.append(digest.bytes);
  return write_file(file_in(folder), std::move(writer.out).take());
}

Result<std::optional<State>> load_state(const std::filesystem::path& folder, const Digest& key, std::string& note) {
  const std::filesystem::path path = file_in(folder);
  Result<Bytes> bytes = read_file(path);
  if (!bytes && bytes.error().code() == Code::not_found) return std::nullopt;
  if (!bytes) return fail(std::move(bytes).error());
  const ByteSpan all = *bytes;
  const std::size_t overhead = kMagic.size() + 2 * kDigestBytes;
  const auto ignore = [&](std::string_view why) {
    note = fmt::format("{}: {}; training starts anew", path.string(), why);
    return std::nullopt;
  };
  if (all.size() < overhead || std::memcmp(all.data(), kMagic.data(), kMagic.size()) != 0)
    return ignore("not a checkpoint of this version");
  const ByteSpan content = all.first(all.size() - kDigestBytes);
  if (std::memcmp(sha256(content).bytes.data(), all.data() + content.size(), kDigestBytes) != 0)
    return ignore("the checkpoint is damaged");
  if (std::memcmp(content.data() + kMagic.size(), key.bytes.data(), kDigestBytes) != 0) {
    return ignore("the checkpoint belongs to another model, other options or other data");
  }
  State state;
  Reader reader{ByteReader(content.subspan(kMagic.size() + kDigestBytes))};
  fields(state, reader);
  if (!reader.good || reader.in.remaining() != 0) return ignore("not a checkpoint of this version");
  return state;
}

}  // namespace mote::train
