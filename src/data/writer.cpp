#include "mote/data/writer.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <numeric>
#include <unordered_map>

#include "index_format.hpp"
#include "mote/base/file.hpp"
#include "natural_order.hpp"

namespace mote::data {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBufferBytes = 1 << 20;

std::string system_reason() { return std::strerror(errno); }

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

std::string partial_prefix(const fs::path& folder) { return "." + folder.filename().string() + ".partial-"; }

/// Removes working folders whose writer is gone: a living writer holds a lock on its samples file.
void sweep_leavings(const fs::path& parent, const std::string& prefix) {
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename().string().rfind(prefix, 0) != 0) continue;
    const Descriptor samples(::open((it->path() / kSamplesFile).c_str(), O_RDWR | O_CLOEXEC));
    if (samples.get() >= 0 && ::flock(samples.get(), LOCK_EX | LOCK_NB) != 0) continue;
    std::error_code ignored;
    fs::remove_all(it->path(), ignored);
  }
}

/// True for a folder that holds a dataset and nothing else: only such a one may be replaced.
bool is_dataset_only(const fs::path& folder) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (it->path().filename() != kIndexFile && it->path().filename() != kSamplesFile) return false;
  }
  const auto index = MappedFile::open(folder / kIndexFile);
  return !error && index && index->bytes().size() >= kIndexMagic.size() &&
         std::equal(kIndexMagic.begin(), kIndexMagic.end(), index->bytes().begin());
}

Result<void> check_target(const fs::path& folder) {
  std::error_code error;
  const fs::file_status status = fs::status(folder, error);
  if (!fs::exists(status)) return {};
  if (fs::is_directory(status) && (fs::is_empty(folder, error) || is_dataset_only(folder))) return {};
  return fail(
      Code::invalid_argument,
      folder.string() + ": exists and is not a dataset, so it is left alone; name another folder for the dataset");
}

Result<void> sync_folder(const fs::path& folder) {
  const Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0) return fail(Code::io, folder.string() + ": " + system_reason());
  return {};
}

/// Puts `work` at `folder` in one step. An old dataset there is exchanged, then removed.
Result<void> publish(const fs::path& work, const fs::path& folder) {
  if (::rename(work.c_str(), folder.c_str()) == 0) return sync_folder(folder.parent_path());
  if (errno != ENOTEMPTY && errno != EEXIST) return fail(Code::io, folder.string() + ": " + system_reason());
  if (::renameat2(AT_FDCWD, work.c_str(), AT_FDCWD, folder.c_str(), RENAME_EXCHANGE) != 0) {
    // A file system without exchange: for a moment there is no dataset, never a half one.
    const fs::path old = work.string() + ".old";
    if (::rename(folder.c_str(), old.c_str()) != 0 || ::rename(work.c_str(), folder.c_str()) != 0) {
      return fail(Code::io, folder.string() + ": " + system_reason());
    }
    std::error_code ignored;
    fs::remove_all(old, ignored);
  }
  std::error_code ignored;
  fs::remove_all(work, ignored);
  return sync_folder(folder.parent_path());
}

/// Names in order of appearance, with a number each.
class NameTable {
 public:
  explicit NameTable(std::vector<std::string> fixed = {}) : names_(std::move(fixed)), closed_(!names_.empty()) {
    for (std::size_t k = 0; k < names_.size(); ++k) numbers_.emplace(names_[k], static_cast<std::int32_t>(k));
  }
  /// The number of `text`; -1 when it is new and the set is closed.
  std::int32_t number(std::string_view text) {
    if (text == last_name_ && last_ >= 0) return last_;
    const auto found = numbers_.find(std::string(text));
    if (found == numbers_.end() && closed_) return -1;
    last_name_ = text;
    if (found != numbers_.end()) return last_ = found->second;
    last_ = static_cast<std::int32_t>(names_.size());
    names_.emplace_back(text);
    numbers_.emplace(names_.back(), last_);
    return last_;
  }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  std::vector<std::string> names_;
  bool closed_;
  std::unordered_map<std::string, std::int32_t> numbers_;
  std::string last_name_;
  std::int32_t last_ = -1;
};

/// Drops names that no record uses and sorts the others naturally, renumbering the records.
std::vector<std::string> settle_names(const NameTable& table, std::vector<IndexRecord>& records,
                                      std::int32_t IndexRecord::*field) {
  if (table.closed()) return table.names();
  const auto& names = table.names();
  std::vector<bool> used(names.size());
  for (const IndexRecord& record : records) {
    if (record.*field >= 0) used[static_cast<std::size_t>(record.*field)] = true;
  }
  std::vector<std::size_t> order(names.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::erase_if(order, [&](std::size_t k) { return !used[k]; });
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return natural_less(names[a], names[b]); });
  std::vector<std::int32_t> renumbered(names.size(), -1);
  std::vector<std::string> sorted;
  for (const std::size_t k : order) {
    renumbered[k] = static_cast<std::int32_t>(sorted.size());
    sorted.push_back(names[k]);
  }
  for (IndexRecord& record : records) {
    if (record.*field >= 0) record.*field = renumbered[static_cast<std::size_t>(record.*field)];
  }
  return sorted;
}

}  // namespace

struct DatasetWriter::State {
  fs::path folder;
  fs::path work;
  Descriptor samples;
  DatasetInfo info;
  NameTable labels;
  NameTable groups;
  std::vector<IndexRecord> records;
  std::string sources;
  Bytes buffer;
  std::uint64_t flushed_bytes = 0;

  State(fs::path folder_, DatasetInfo info_)
      : folder(std::move(folder_)), info(std::move(info_)), labels(std::move(info.labels)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (work.empty()) return;
    std::error_code ignored;
    fs::remove_all(work, ignored);
  }

  Result<void> start() {
    const fs::path parent = folder.parent_path();
    MOTE_TRY_VOID(make_folder(parent));
    // The parent's lock covers the moment between making the folder and locking the file in it, against another sweep.
    const Descriptor parent_lock(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (parent_lock.get() < 0 || ::flock(parent_lock.get(), LOCK_EX) != 0) return failed(parent);
    sweep_leavings(parent, partial_prefix(folder));
    std::string pattern = (parent / (partial_prefix(folder) + "XXXXXX")).string();
    if (::mkdtemp(pattern.data()) == nullptr) return failed(parent);
    work = pattern;
    if (::chmod(work.c_str(), 0755) != 0) return failed(work);
    const fs::path path = work / kSamplesFile;
    samples = Descriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (samples.get() < 0 || ::flock(samples.get(), LOCK_EX) != 0) return failed(path);
    buffer.reserve(kBufferBytes);
    return {};
  }

  [[nodiscard]] Result<void> failed(const fs::path& path) const {
    return fail(Code::io, path.string() + ": " + system_reason() + "; no dataset was written");
  }

  Result<void> put(ByteSpan bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      const ssize_t n =
          ::pwrite(samples.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(flushed_bytes));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return failed(folder);
      done += static_cast<std::size_t>(n);
      flushed_bytes += static_cast<std::uint64_t>(n);
    }
    return {};
  }

  Result<void> flush() {
    MOTE_TRY_VOID(put(buffer));
    buffer.clear();
    return {};
  }

  [[nodiscard]] std::uint64_t end() const { return flushed_bytes + buffer.size(); }

  Result<void> check(const NewSample& sample) const {
    const Shape& shape = sample.shape;
    const std::uint64_t limit = kMaxSampleBytes / element_bytes(info.element);
    std::uint64_t count = shape.rank >= 1 && shape.rank <= kMaxRank ? 1 : 0;
    for (std::size_t k = 0; count > 0 && k < shape.rank; ++k) {
      if (shape.dims[k] == 0) count = 0;
      if (count > 0 && count > limit / shape.dims[k]) {
        return fail(Code::too_large, "a sample of " + shape.text() + " values is larger than the limit of " +
                                         std::to_string(kMaxSampleBytes >> 20) + " MiB; cut it into windows");
      }
      count *= shape.dims[k];
    }
    if (count == 0) return fail(Code::invalid_argument, "a sample of shape " + shape.text() + " has no values");
    if (sample.values.size() != count * element_bytes(info.element)) {
      return fail(Code::invalid_argument, "a sample of " + shape.text() + " " + std::string(name(info.element)) +
                                              " values comes with " + std::to_string(sample.values.size()) + " bytes");
    }
    if (std::max({sample.label.size(), sample.group.size(), sample.source.size()}) > kMaxNameBytes) {
      return fail(Code::too_large,
                  "a label, group or source name is longer than " + std::to_string(kMaxNameBytes) + " bytes");
    }
    return {};
  }
};

DatasetWriter::DatasetWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
DatasetWriter::DatasetWriter(DatasetWriter&&) noexcept = default;
DatasetWriter& DatasetWriter::operator=(DatasetWriter&&) noexcept = default;
DatasetWriter::~DatasetWriter() = default;

Result<DatasetWriter> DatasetWriter::create(const fs::path& folder, DatasetInfo info) {
  std::error_code error;
  fs::path target = fs::absolute(folder, error).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();
  if (error || !target.has_filename()) {
    return fail(Code::invalid_argument, folder.string() + ": not a folder name for a dataset");
  }
  MOTE_TRY_VOID(check_target(target));
  auto state = std::make_unique<State>(std::move(target), std::move(info));
  MOTE_TRY_VOID(state->start());
  return DatasetWriter(std::move(state));
}

Result<void> DatasetWriter::append(const NewSample& sample) {
  State& s = *state_;
  MOTE_TRY_VOID(s.check(sample));
  IndexRecord record;
  if (!sample.label.empty()) {
    record.label = s.labels.number(sample.label);
    if (record.label < 0) {
      return fail(Code::invalid_argument,
                  "the label '" + std::string(sample.label) + "' is not among the listed labels");
    }
  }
  if (!sample.group.empty()) record.group = s.groups.number(sample.group);
  if (s.labels.names().size() > kMaxLabels) {
    return fail(Code::too_large,
                "more than " + std::to_string(kMaxLabels) + " different labels; is this really the label column?");
  }
  s.buffer.resize((s.buffer.size() + kSampleAlignment - 1) / kSampleAlignment * kSampleAlignment);
  record.offset = s.end();
  record.shape = sample.shape;
  for (std::size_t k = record.shape.rank; k < kMaxRank; ++k) record.shape.dims[k] = 0;
  record.partition = sample.partition;
  record.source_offset = s.sources.size();
  record.source_bytes = static_cast<std::uint32_t>(sample.source.size());
  record.digest = digest_sample(s.info.element, record.shape, sample.values);
  s.sources += sample.source;
  s.buffer.insert(s.buffer.end(), sample.values.begin(), sample.values.end());
  s.records.push_back(record);
  // Whole multiples of the alignment are kept flushed, so that padding stays a matter of the buffer alone.
  if (s.buffer.size() >= kBufferBytes) {
    s.buffer.resize((s.buffer.size() + kSampleAlignment - 1) / kSampleAlignment * kSampleAlignment);
    return s.flush();
  }
  return {};
}

std::size_t DatasetWriter::size() const { return state_->records.size(); }

Result<void> DatasetWriter::rewind(std::size_t count) {
  State& s = *state_;
  MOTE_CHECK(count <= s.records.size());
  if (count == s.records.size()) return {};
  const std::uint64_t end = s.records[count].offset;
  s.sources.resize(static_cast<std::size_t>(s.records[count].source_offset));
  s.records.resize(count);
  if (end >= s.flushed_bytes) {
    s.buffer.resize(static_cast<std::size_t>(end - s.flushed_bytes));
    return {};
  }
  s.buffer.clear();
  s.flushed_bytes = end;
  if (::ftruncate(s.samples.get(), static_cast<off_t>(end)) != 0) return s.failed(s.folder);
  return {};
}

void DatasetWriter::set_rate_hz(double rate_hz) { state_->info.rate_hz = rate_hz; }

Result<Digest> DatasetWriter::finish(std::string provenance_json) {
  State& s = *state_;
  if (s.records.empty())
    return fail(Code::invalid_argument, s.folder.string() + ": a dataset needs at least one sample");
  MOTE_TRY_VOID(s.flush());
  if (::fsync(s.samples.get()) != 0) return fail(s.failed(s.folder).error());
  IndexHeader header;
  header.info = s.info;
  header.info.labels = settle_names(s.labels, s.records, &IndexRecord::label);
  header.info.groups = settle_names(s.groups, s.records, &IndexRecord::group);
  header.info.provenance = std::move(provenance_json);
  header.samples_bytes = s.flushed_bytes;
  header.content_hash = digest_dataset(header.info, s.records);
  MOTE_TRY_VOID(write_file(s.work / kIndexFile, encode_index(header, s.records, s.sources)));
  MOTE_TRY_VOID(sync_folder(s.work));
  MOTE_TRY_VOID(publish(s.work, s.folder));
  s.work.clear();
  return header.content_hash;
}

}  // namespace mote::data
