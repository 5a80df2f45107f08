#include "byte_stream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace mote::data {
namespace {

class MemoryStream final : public ByteStream {
 public:
  explicit MemoryStream(ByteSpan bytes) : rest_(bytes) {}
  Result<std::size_t> read(std::span<std::uint8_t> out) override {
    const std::size_t count = std::min(out.size(), rest_.size());
    std::copy_n(rest_.begin(), count, out.begin());
    rest_ = rest_.subspan(count);
    return count;
  }

 private:
  ByteSpan rest_;
};

class FileStream final : public ByteStream {
 public:
  explicit FileStream(std::FILE* file) : file_(file) {}
  Result<std::size_t> read(std::span<std::uint8_t> out) override {
    const std::size_t count = std::fread(out.data(), 1, out.size(), file_.get());
    if (count < out.size() && std::ferror(file_.get()) != 0) return fail(Code::io, std::strerror(errno));
    return count;
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::unique_ptr<std::FILE, Close> file_;
};

/// Gives back a few bytes that were read to look at them.
class PrefixedStream final : public ByteStream {
 public:
  PrefixedStream(std::array<std::uint8_t, 2> prefix, std::size_t count, std::unique_ptr<ByteStream> rest)
      : prefix_(prefix), count_(count), rest_(std::move(rest)) {}
  Result<std::size_t> read(std::span<std::uint8_t> out) override {
    std::size_t done = 0;
    while (done < out.size() && next_ < count_) out[done++] = prefix_[next_++];
    MOTE_TRY(const std::size_t more, rest_->read(out.subspan(done)));
    return done + more;
  }

 private:
  std::array<std::uint8_t, 2> prefix_;
  std::size_t count_;
  std::size_t next_ = 0;
  std::unique_ptr<ByteStream> rest_;
};

}  // namespace

std::unique_ptr<ByteStream> stream_of(ByteSpan bytes) { return std::make_unique<MemoryStream>(bytes); }

Result<std::unique_ptr<ByteStream>> gunzip_if_packed(std::unique_ptr<ByteStream> packed) {
  std::array<std::uint8_t, 2> start{};
  MOTE_TRY(const std::size_t count, packed->read(start));
  const bool is_gzip = count == 2 && start[0] == 0x1f && start[1] == 0x8b;
  std::unique_ptr<ByteStream> whole = std::make_unique<PrefixedStream>(start, count, std::move(packed));
  return is_gzip ? gunzip(std::move(whole)) : std::move(whole);
}

Result<std::unique_ptr<ByteStream>> open_stream(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return fail(Code::io, "is a folder, a file is expected");
  std::FILE* file = std::fopen(path.c_str(), "rbe");
  if (file == nullptr) return fail(errno == ENOENT ? Code::not_found : Code::io, std::strerror(errno));
  return gunzip_if_packed(std::make_unique<FileStream>(file));
}

}  // namespace mote::data
