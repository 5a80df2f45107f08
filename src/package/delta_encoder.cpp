// Writes the segments as decisions of a range coder (Martin 1979, in the form with a carry that LZMA uses).

#include "delta_segments.hpp"
#include "mote/package/delta.hpp"
#include "update/delta.hpp"

namespace mote::package {
namespace {

namespace delta = update::delta;

class RangeCoder {
 public:
  unsigned size(delta::SizeTree& tree, unsigned size) { return delta::code_size(*this, tree, size); }
  bool bit(delta::Chance& chance, bool decision, unsigned shift) {
    normalize();
    const std::uint32_t bound = (range_ >> 12) * (chance >> 4);
    if (decision) {
      low_ += bound;
      range_ -= bound;
    } else {
      range_ = bound;
    }
    delta::learn(chance, decision, shift);
    return decision;
  }

  std::uint32_t direct(std::uint32_t value, unsigned count) {
    normalize();
    range_ >>= count;
    low_ += std::uint64_t{value} * range_;
    return value;
  }

  /// Exactly as many bytes as a decoder takes.
  Bytes finish() && {
    for (int i = 0; i < 5; ++i) shift_out();
    out_.erase(out_.begin());  // the first byte never gets a carry: it is 0
    return std::move(out_);
  }

 private:
  void normalize() {
    while (range_ < (std::uint32_t{1} << 24)) {
      range_ <<= 8;
      shift_out();
    }
  }

  /// The highest byte leaves, and those of 0xff that waited for whether a carry would come.
  void shift_out() {
    if (low_ < 0xff000000u || low_ > 0xffffffffu) {
      const auto carry = static_cast<std::uint8_t>(low_ >> 32);
      out_.push_back(static_cast<std::uint8_t>(held_ + carry));
      for (; waiting_ > 0; --waiting_) out_.push_back(static_cast<std::uint8_t>(0xff + carry));
      held_ = static_cast<std::uint8_t>(low_ >> 24);
    } else {
      ++waiting_;
    }
    low_ = (low_ << 8) & 0xffffffffu;
  }

  std::uint64_t low_ = 0;
  std::uint32_t range_ = 0xffffffff;
  std::uint8_t held_ = 0;
  std::size_t waiting_ = 0;
  Bytes out_;
};

Bytes encode(const DeltaInput& input, const std::vector<DeltaSegment>& segments) {
  RangeCoder coder;
  delta::Model model;
  model.reset();
  std::int32_t shift = 0;
  for (const DeltaSegment& s : segments) {
    const delta::Segment head{static_cast<std::uint8_t>(s.kind), s.bytes / delta::unit_of(s.kind), s.period, s.shift};
    shift = delta::code_segment(coder, head, shift).shift;
    code_values(coder, model, input, s);
  }
  const Bytes body = std::move(coder).finish();
  ByteWriter out;
  for (const std::uint8_t byte : {delta::kMagic[0], delta::kMagic[1], delta::kVersion, std::uint8_t{0}}) out.u8(byte);
  out.u32_le(static_cast<std::uint32_t>(input.base.size()));
  out.u32_le(static_cast<std::uint32_t>(input.module.size()));
  out.u32_le(static_cast<std::uint32_t>(delta::kHeaderBytes + body.size()));
  out.append(body);
  return std::move(out).take();
}

}  // namespace

Result<Bytes> apply_delta(ByteSpan base, ByteSpan delta, std::uint32_t room) {
  update::DeltaDecoder decoder;
  decoder.begin(room);
  Bytes module;
  update::Bytes rest{delta.data(), delta.size()};
  std::uint8_t block[4096];
  update::Status status = update::Status::waiting;
  for (bool moved = true; moved && status == update::Status::waiting;) {
    update::MutableBytes to(block);
    const std::size_t before = rest.size;
    status = decoder.decode({base.data(), base.size()}, rest, to);
    module.insert(module.end(), block, to.data);
    moved = to.data != block || rest.size != before;
  }
  if (status == update::Status::waiting) status = decoder.finish();
  if (status == update::Status::ok && rest.size != 0) status = update::Status::trailing_bytes;
  if (status != update::Status::ok)
    return fail(Code::malformed, std::string("the delta does not decode: ") + update::name(status));
  return module;
}

Result<Bytes> encode_delta(ByteSpan base, ByteSpan module) {
  if (module.empty()) return fail(Code::invalid_argument, "a delta of nothing: the new module is empty");
  if (base.size() > kMostDeltaBytes || module.size() > kMostDeltaBytes)
    return fail(Code::too_large, "deltas are made between modules of at most 64 MiB");
  const DeltaInput input{base, module};
  Bytes delta = encode(input, choose_segments(input));
  MOTE_TRY(const Bytes decoded, apply_delta(base, delta));
  if (decoded != Bytes(module.begin(), module.end())) return fail(Code::internal, "a delta does not give its module");
  return delta;
}

}  // namespace mote::package
