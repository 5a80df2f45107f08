#include "mote/data/dataset.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "index_format.hpp"
#include "mote/base/file.hpp"

namespace mote::data {

static_assert(std::endian::native == std::endian::little, "samples.bin is little-endian and mapped as it is");

std::string_view name(Modality modality) {
  switch (modality) {
    case Modality::image:
      return "image";
    case Modality::audio:
      return "audio";
    case Modality::series:
      return "series";
    case Modality::strokes:
      return "strokes";
  }
  return "unknown";
}

std::string_view name(Element element) {
  switch (element) {
    case Element::u8:
      return "u8";
    case Element::i16:
      return "i16";
    case Element::f32:
      return "f32";
  }
  return "unknown";
}

std::string_view name(Partition partition) {
  switch (partition) {
    case Partition::none:
      return "none";
    case Partition::train:
      return "train";
    case Partition::test:
      return "test";
  }
  return "unknown";
}

std::size_t element_bytes(Element element) {
  switch (element) {
    case Element::u8:
      return 1;
    case Element::i16:
      return 2;
    case Element::f32:
      return 4;
  }
  return 0;
}

std::uint64_t Shape::count() const {
  std::uint64_t count = rank == 0 ? 0 : 1;
  for (std::size_t k = 0; k < rank; ++k) count *= dims[k];
  return count;
}

std::string Shape::text() const {
  std::string text;
  for (std::size_t k = 0; k < rank; ++k) text += (k == 0 ? "" : "x") + std::to_string(dims[k]);
  return text;
}

struct Dataset::State {
  std::filesystem::path folder;
  MappedFile index;
  MappedFile samples;
  int samples_fd;
  IndexHeader header;

  State(std::filesystem::path folder_, MappedFile index_, MappedFile samples_, int fd, IndexHeader header_)
      : folder(std::move(folder_)),
        index(std::move(index_)),
        samples(std::move(samples_)),
        samples_fd(fd),
        header(std::move(header_)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { ::close(samples_fd); }

  [[nodiscard]] IndexRecord record(std::size_t i) const {
    MOTE_CHECK(i < header.sample_count);
    return decode_record(index.bytes(), header, i);
  }
  [[nodiscard]] std::uint64_t bytes_of(const IndexRecord& record) const {
    return record.shape.count() * element_bytes(header.info.element);
  }
};

Result<Dataset> Dataset::open(const std::filesystem::path& folder) {
  const std::filesystem::path index_path = folder / kIndexFile;
  const std::filesystem::path samples_path = folder / kSamplesFile;
  auto index = MappedFile::open(index_path);
  if (!index && index.error().code() == Code::not_found) {
    return fail(Code::not_found,
                folder.string() + ": there is no dataset in this folder; make one with 'mote data import'");
  }
  if (!index) return fail(std::move(index).error());
  auto header = decode_index(index->bytes());
  if (!header) return fail(std::move(header).error(), index_path.string());
  MOTE_TRY(MappedFile samples, MappedFile::open(samples_path));
  if (samples.bytes().size() != header->samples_bytes) {
    return fail(Code::malformed, samples_path.string() + ": has " + std::to_string(samples.bytes().size()) +
                                     " bytes, the index says " + std::to_string(header->samples_bytes) +
                                     "; import the data again");
  }
  const int fd = ::open(samples_path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail(Code::io, samples_path.string() + ": " + std::strerror(errno));
  return Dataset(std::make_shared<const State>(folder, std::move(*index), std::move(samples), fd, std::move(*header)));
}

const DatasetInfo& Dataset::about() const { return state_->header.info; }
const std::filesystem::path& Dataset::folder() const { return state_->folder; }
std::size_t Dataset::size() const { return static_cast<std::size_t>(state_->header.sample_count); }
const Digest& Dataset::content_hash() const { return state_->header.content_hash; }
std::uint64_t Dataset::samples_bytes() const { return state_->header.samples_bytes; }

SampleInfo Dataset::info(std::size_t i) const {
  const IndexRecord record = state_->record(i);
  SampleInfo info;
  info.shape = record.shape;
  info.label = record.label;
  info.group = record.group;
  info.partition = record.partition;
  std::memcpy(&info.content_id, record.digest.bytes.data(), sizeof(info.content_id));
  info.bytes = state_->bytes_of(record);
  const std::size_t at = state_->header.sources_offset + static_cast<std::size_t>(record.source_offset);
  info.source = {reinterpret_cast<const char*>(state_->index.bytes().data()) + at, record.source_bytes};
  return info;
}

Digest Dataset::sample_digest(std::size_t i) const { return state_->record(i).digest; }

Result<Bytes> Dataset::read(std::size_t i) const {
  Bytes values(static_cast<std::size_t>(state_->bytes_of(state_->record(i))));
  MOTE_TRY_VOID(read(i, values));
  return values;
}

Result<void> Dataset::read(std::size_t i, std::span<std::uint8_t> out) const {
  const IndexRecord record = state_->record(i);
  if (out.size() != state_->bytes_of(record)) {
    return fail(Code::invalid_argument, "sample " + std::to_string(i) + " has " +
                                            std::to_string(state_->bytes_of(record)) + " bytes, the buffer has " +
                                            std::to_string(out.size()));
  }
  std::size_t done = 0;
  while (done < out.size()) {
    const auto at = static_cast<off_t>(record.offset + done);
    const ssize_t n = ::pread(state_->samples_fd, out.data() + done, out.size() - done, at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      return fail(Code::io, (state_->folder / kSamplesFile).string() + ": byte " + std::to_string(at) + ": " +
                                (n < 0 ? std::strerror(errno) : "the file was cut after it was opened"));
    }
    done += static_cast<std::size_t>(n);
  }
  return {};
}

ByteSpan Dataset::view(std::size_t i) const {
  const IndexRecord record = state_->record(i);
  return state_->samples.bytes().subspan(static_cast<std::size_t>(record.offset),
                                         static_cast<std::size_t>(state_->bytes_of(record)));
}

void Dataset::to_floats(std::size_t i, std::span<float> out) const {
  const ByteSpan raw = view(i);
  MOTE_CHECK(out.size() * element_bytes(about().element) == raw.size());
  switch (about().element) {
    case Element::u8:
      std::copy(raw.begin(), raw.end(), out.begin());
      return;
    case Element::i16: {
      const auto* values = reinterpret_cast<const std::int16_t*>(raw.data());
      std::copy(values, values + out.size(), out.begin());
      return;
    }
    case Element::f32:
      std::memcpy(out.data(), raw.data(), raw.size());
      return;
  }
}

namespace {
std::vector<std::size_t> count_by(const Dataset& dataset, std::size_t names, std::int32_t SampleInfo::*number) {
  std::vector<std::size_t> counts(names);
  for (std::size_t i = 0; i < dataset.size(); ++i) {
    const std::int32_t n = dataset.info(i).*number;
    if (n >= 0) ++counts[static_cast<std::size_t>(n)];
  }
  return counts;
}
}  // namespace

std::vector<std::size_t> Dataset::class_counts() const {
  return count_by(*this, about().labels.size(), &SampleInfo::label);
}
std::vector<std::size_t> Dataset::group_counts() const {
  return count_by(*this, about().groups.size(), &SampleInfo::group);
}

std::optional<Shape> Dataset::uniform_shape() const {
  if (size() == 0) return std::nullopt;
  const Shape first = state_->record(0).shape;
  for (std::size_t i = 1; i < size(); ++i) {
    if (state_->record(i).shape != first) return std::nullopt;
  }
  return first;
}

Result<void> Dataset::verify(Progress& progress) const {
  std::vector<IndexRecord> records;
  records.reserve(size());
  for (std::size_t i = 0; i < size(); ++i) {
    if (i % 1024 == 0) {
      progress.step("verify", i, size(), "");
      if (progress.cancelled()) return fail(Code::cancelled, "stopped; the dataset is unchanged");
    }
    MOTE_TRY(const Bytes values, read(i));
    records.push_back(state_->record(i));
    if (digest_sample(about().element, records.back().shape, values) != records.back().digest) {
      return fail(Code::malformed, (state_->folder / kSamplesFile).string() + ": byte " +
                                       std::to_string(records.back().offset) + ": sample " + std::to_string(i) + " (" +
                                       std::string(info(i).source) +
                                       ") was changed after the import; import the data again");
    }
  }
  if (digest_dataset(about(), records) != content_hash()) {
    return fail(Code::malformed,
                (state_->folder / kIndexFile).string() + ": byte 40: the content hash does not match the samples");
  }
  return {};
}

}  // namespace mote::data
