#include "update/payload.hpp"

namespace mote::update {

Payload::Payload(Source& source, std::uint32_t offset, const Plan& plan, const ContentKey& key, Bytes base)
    : source_(source), offset_(offset), bytes_(plan.carried_bytes), base_(base), is_delta_(plan.is_delta) {
  if (is_delta_) decoder_.begin(plan.module_bytes);
  if (plan.encryption_info.size == 0) return;
  key_ = &key;
  bytes_ -= kTagBytes;
}

Status Payload::carried(MutableBytes to) {
  if (to.size > bytes_ - at_) return Status::wrong_size;
  MOTE_UPDATE_TRY(source_.read(offset_ + at_, to));
  if (key_ != nullptr) chacha20_at(key_->key, key_->nonce, at_, to);
  at_ += static_cast<std::uint32_t>(to.size);
  return Status::ok;
}

Status Payload::decoded(MutableBytes to) {
  for (;;) {
    std::uint8_t piece[64];
    at_ = decoder_.taken();
    const std::uint32_t left = bytes_ - at_;
    const std::uint32_t count = left < sizeof(piece) ? left : static_cast<std::uint32_t>(sizeof(piece));
    if (count != 0) MOTE_UPDATE_TRY(carried({piece, count}));
    Bytes in{piece, count};
    const std::size_t room = to.size;
    const Status status = decoder_.decode(base_, in, to);
    if (status == Status::ok) return to.size == 0 && decoder_.taken() == bytes_ ? Status::ok : Status::wrong_size;
    if (status != Status::waiting) return status;
    if (to.size == 0) return Status::ok;  // more of the module is to come
    if (to.size == room && in.size == count) return Status::truncated;
  }
}

Status Payload::next(MutableBytes to) { return is_delta_ ? decoded(to) : carried(to); }

}  // namespace mote::update
