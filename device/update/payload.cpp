#include "update/payload.hpp"

namespace mote::update {

Status Payload::begin(Source& source, std::uint32_t offset, const Plan& plan, const Identity& identity, Bytes base,
                      Bytes target) {
  static_cast<void>(base);
  static_cast<void>(target);
  source_ = &source;
  offset_ = offset;
  at_ = 0;
  bytes_ = plan.carried_bytes;
  is_encrypted_ = plan.encryption_info.size != 0;
  if (plan.is_delta) return Status::unsupported_command;
  if (!is_encrypted_) return Status::ok;
  if (bytes_ < kTagBytes) return Status::wrong_size;
  bytes_ -= kTagBytes;
  return find_content_key(plan.encryption_info, identity, key_);
}

Status Payload::carried(MutableBytes to) {
  if (to.size > bytes_ - at_) return Status::wrong_size;
  MOTE_UPDATE_TRY(source_->read(offset_ + at_, to));
  if (is_encrypted_) chacha20_at(key_.key, key_.nonce, at_, to);
  at_ += static_cast<std::uint32_t>(to.size);
  return Status::ok;
}

Status Payload::next(MutableBytes to) { return carried(to); }

}  // namespace mote::update
