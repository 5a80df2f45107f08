#pragma once
// Keeps freed tensor memory for reuse. glibc returns blocks of this size to the kernel, and faulting them in again
// costs a training step of a small net about a third of its time.

namespace mote::train {

/// Makes torch allocate through per-thread lists of freed blocks. Idempotent, thread-safe; lasts for the process.
void install_tensor_cache();

}  // namespace mote::train
