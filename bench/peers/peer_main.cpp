// The protocol of device/boards/README.md for a peer: requests "I" and "?".
//
// MOTE_MODULE_FILE, MOTE_ARENA_BYTES   as in boards/module_blob.hpp; the file is the model
// PEER_PADDING   bytes in front of the runtime's code: where its loops lie in the lines of the flash accelerator

#include "peer.hpp"

#include "boards/markers.hpp"
#include "boards/module_blob.hpp"
#include "boards/protocol.hpp"
#include "boards/uart.hpp"

__asm__(
    ".section .text.peer_padding, \"ax\", %progbits\n"
    ".balign 8\n"
    ".global peer_padding\n"
    "peer_padding:\n"
    ".if " PEER_PADDING
    "\n"
    ".space " PEER_PADDING
    "\n"
    ".endif\n"
    ".previous\n");

namespace {

using namespace mote::device;

class PeerBench {
 public:
  [[noreturn]] void serve() {
    uart_.start();
    status_ = mote::peer::start(peer_, mote_module, mote_arena, sizeof mote_arena);
    for (;;) {
      switch (static_cast<BenchRequest>(uart_.read())) {
        case BenchRequest::run_input:
          run_input();
          break;
        case BenchRequest::identify:
          identify();
          break;
        default:
          reply(static_cast<std::uint32_t>(BenchStatus::unknown_request));
          break;
      }
    }
  }

 private:
  void reply(std::uint32_t status) const {
    const std::uint32_t length = status == 0 ? peer_.output_bytes : 0;
    uart_.write(static_cast<std::uint8_t>(BenchReply::output));
    uart_.write_u32(status);
    uart_.write_u32(length);
    if (length > 0) uart_.write(peer_.output, length);
  }

  void run_input() {
    const std::uint32_t length = uart_.read_u32();
    const bool ready = status_ == 0 && length == peer_.input_bytes;
    if (!ready) {
      // The host has sent the bytes already; taking them keeps both sides in step.
      for (std::uint32_t i = 0; i < length; ++i) uart_.read();
      return reply(status_ != 0 ? status_ : static_cast<std::uint32_t>(BenchStatus::wrong_input_length));
    }
    uart_.read(peer_.input, length);
    mote_infer_begin();
    const std::uint32_t status = mote::peer::invoke();
    mote_infer_end();
    reply(status);
  }

  void identify() const {
    const BenchIdentity identity{kBenchProtocol,    status_,           sizeof mote_arena,
                                 peer_.arena_bytes, peer_.input_bytes, peer_.output_bytes};
    uart_.write(static_cast<std::uint8_t>(BenchReply::identity));
    uart_.write_u32(sizeof identity);
    uart_.write(&identity, sizeof identity);
  }

  Uart uart_;
  mote::peer::Peer peer_;
  std::uint32_t status_ = 0;
};

}  // namespace

extern "C" [[noreturn]] void mote_main();

extern "C" void mote_main() {
  PeerBench bench;
  bench.serve();
}
