#include <cstdlib>

#include "mote/pipeline/config.hpp"

// Any text is read or refused in one line; reading through every accessor never fails otherwise.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mote::pipeline;
  auto config = Config::parse({reinterpret_cast<const char*>(data), size}, "mote.toml");
  if (!config) {
    if (config.error().message().find('\n') != std::string::npos) std::abort();
    return 0;
  }
  auto section = config->optional_section("a");
  if (section) {
    static_cast<void>(section->get<int>("i", 1, {0, 9}).has_value());
    static_cast<void>(section->get<double>("d", 1).has_value());
    static_cast<void>(section->find<std::vector<std::string>>("l").has_value());
    static_cast<void>(section->bytes("b", "1 KiB").has_value());
    static_cast<void>(section->sections("t").has_value());
    static_cast<void>(section->section("s").has_value());
    static_cast<void>(section->canonical_text());
  }
  const auto finished = config->finish();
  if (!finished && finished.error().message().find('\n') != std::string::npos) std::abort();
  return 0;
}
