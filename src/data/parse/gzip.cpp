// The one file that sees zlib.
#include <zlib.h>

#include <algorithm>
#include <string>
#include <vector>

#include "byte_stream.hpp"
#include "checksum.hpp"

namespace mote::data {
namespace {

constexpr std::size_t kChunkBytes = 256 << 10;
constexpr int kGzipOnly = 15 + 16;  // largest window, gzip header wanted (zlib manual, inflateInit2)

class GzipStream final : public ByteStream {
 public:
  explicit GzipStream(std::unique_ptr<ByteStream> packed) : packed_(std::move(packed)), chunk_(kChunkBytes) {
    MOTE_CHECK(inflateInit2(&inflater_, kGzipOnly) == Z_OK);
  }
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;
  ~GzipStream() override { inflateEnd(&inflater_); }

  Result<std::size_t> read(std::span<std::uint8_t> out) override {
    std::size_t done = 0;
    while (done < out.size() && !ended_) {
      MOTE_TRY(const std::size_t count, step(out.subspan(done)));
      done += count;
    }
    return done;
  }

 private:
  /// One call of inflate; at a member's end, looks whether another member follows.
  Result<std::size_t> step(std::span<std::uint8_t> out) {
    if (inflater_.avail_in == 0) MOTE_TRY_VOID(refill());
    if (inflater_.avail_in == 0) {
      if (between_members_) {
        ended_ = true;
        return std::size_t{0};
      }
      return fail(Code::malformed, at() + "the gzip data is truncated");
    }
    if (between_members_) MOTE_CHECK(inflateReset(&inflater_) == Z_OK);
    between_members_ = false;
    const std::size_t room = std::min<std::size_t>(out.size(), 1 << 30);
    inflater_.next_out = out.data();
    inflater_.avail_out = static_cast<uInt>(room);
    const int status = inflate(&inflater_, Z_NO_FLUSH);
    if (status == Z_STREAM_END) {
      between_members_ = true;
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      const std::string reason = inflater_.msg != nullptr ? inflater_.msg : "unusable";
      return fail(Code::malformed, at() + "the gzip data is broken (" + reason + ")");
    }
    return room - inflater_.avail_out;
  }

  Result<void> refill() {
    MOTE_TRY(const std::size_t count, packed_->read(chunk_));
    taken_bytes_ += count;
    inflater_.next_in = chunk_.data();
    inflater_.avail_in = static_cast<uInt>(count);
    return {};
  }

  [[nodiscard]] std::string at() const { return "byte " + std::to_string(taken_bytes_ - inflater_.avail_in) + ": "; }

  std::unique_ptr<ByteStream> packed_;
  std::vector<std::uint8_t> chunk_;
  z_stream inflater_{};
  std::uint64_t taken_bytes_ = 0;
  bool between_members_ = false;
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ByteStream> gunzip(std::unique_ptr<ByteStream> packed) {
  return std::make_unique<GzipStream>(std::move(packed));
}

std::uint32_t crc32_of(ByteSpan bytes) { return static_cast<std::uint32_t>(crc32_z(0, bytes.data(), bytes.size())); }

}  // namespace mote::data
