#include "mote/board/native_board.hpp"

#include <chrono>
#include <filesystem>

#include "bench_protocol.hpp"
#include "firmware_process.hpp"
#include "mote/base/file.hpp"

namespace mote::board {

struct NativeBoard::Impl {
  TemporaryFolder folder;
  FirmwareProcess process;
};

NativeBoard::NativeBoard(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
NativeBoard::~NativeBoard() = default;
NativeBoard::NativeBoard(NativeBoard&&) noexcept = default;
NativeBoard& NativeBoard::operator=(NativeBoard&&) noexcept = default;

Result<NativeBoard> NativeBoard::create(ByteSpan program) {
  constexpr std::chrono::seconds kTimeLimit{60};
  MOTE_TRY(TemporaryFolder folder, TemporaryFolder::create("mote-native"));
  const std::filesystem::path file = folder.path() / "firmware";
  MOTE_TRY_VOID(write_file(file, program));
  std::error_code error;
  std::filesystem::permissions(file, std::filesystem::perms::owner_all, error);
  if (error) return fail(Code::io, file.string() + ": cannot be made executable: " + error.message());
  MOTE_TRY(FirmwareProcess process, FirmwareProcess::start({file.string()}, "the program", kTimeLimit));
  return NativeBoard(std::unique_ptr<Impl>(new Impl{std::move(folder), std::move(process)}));
}

Result<Bytes> NativeBoard::infer(ByteSpan input) {
  MOTE_TRY(const Bytes reply, impl_->process.ask(run_request(input)));
  return parse_output(reply);
}

Result<void> NativeBoard::select(std::uint32_t module) {
  MOTE_TRY(const Bytes reply, impl_->process.ask(select_request(module)));
  MOTE_TRY_VOID(parse_identity(reply));
  return {};
}

}  // namespace mote::board
