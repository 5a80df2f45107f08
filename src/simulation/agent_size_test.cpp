// What the update agent takes of a Cortex-M4's flash, from the linker's map of device/boards/agent_size_main.cpp: all
// that is kept of the archives of agent and cryptography, what those make it take from libgcc, and the inline functions
// of theirs that landed in the program's object. And of its RAM: the object, and the deepest stack by gcc's call graph.
// The figures of docs/updates.md, "Size", come from here.

#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <sstream>

#include "call_graph_for_test.hpp"
#include "mote/base/file.hpp"

namespace mote::simulation {
namespace {

// Of gcc 12.2; another compiler may differ a little. The target is 24,576.
constexpr unsigned kRecordedFlashBytes = 23310;
constexpr unsigned kRecordedAgreeingFlashBytes = 23936;
constexpr unsigned kPageBytes = 256;      // a page of the flash, which the target does not count
constexpr unsigned kMostRamBytes = 4096;  // without it

/// Bytes in flash of each object of the archives that matter.
std::map<std::string, unsigned> sizes_of(const std::string& map) {
  std::map<std::string, unsigned> sizes;
  std::istringstream lines(map.substr(map.find("Linker script and memory map")));
  std::string section;
  for (std::string line; std::getline(lines, line);) {
    // " .text.name  address  bytes  file", where a long name has a line of its own.
    std::istringstream words(line);
    std::string word, address, bytes, file;
    words >> word;
    if (line.size() > 1 && line[0] == ' ' && line[1] == '.') {
      section = word;
      words >> word;
    }
    address = word;
    words >> bytes;
    std::getline(words >> std::ws, file);
    const bool in_flash = section.rfind(".text", 0) == 0 || section.rfind(".rodata", 0) == 0;
    const bool counts =
        file.find("libmote_update") != std::string::npos || file.find("libgcc.a") != std::string::npos ||
        section.find("N4mote6update") != std::string::npos || section.find("NK4mote6update") != std::string::npos;
    if (in_flash && counts && address.rfind("0x", 0) == 0 && bytes.rfind("0x", 0) == 0) {
      const std::size_t from = file.rfind('(');
      sizes[file.substr(from + 1, file.rfind(')') - from - 1)] += static_cast<unsigned>(std::stoul(bytes, nullptr, 16));
    }
  }
  return sizes;
}

unsigned total_of(const std::map<std::string, unsigned>& sizes) {
  unsigned total = 0;
  for (const auto& [object, bytes] : sizes) total += bytes;
  return total;
}

/// What each object takes; prints it, and the sum.
std::map<std::string, unsigned> printed_sizes_of(const std::string& path) {
  const std::map<std::string, unsigned> sizes = sizes_of(read_text(path).value());
  for (const auto& [object, bytes] : sizes) std::cout << object << " " << bytes << "\n";
  std::cout << "total " << total_of(sizes) << "\n";
  return sizes;
}

TEST(AgentSize, flash_on_a_cortex_m4_is_as_recorded) {
  if (!std::filesystem::exists(MOTE_AGENT_MAP)) GTEST_SKIP() << "no compiler for cortex-m4f";
  const std::map<std::string, unsigned> sizes = printed_sizes_of(MOTE_AGENT_MAP);
  // Every part is there: what the linker dropped would make the agent look small.
  for (const char* object : {"agent.cpp.o", "block_macs.cpp.o", "cbor.cpp.o", "cose.cpp.o", "delta.cpp.o",
                             "encryption.cpp.o", "inbox.cpp.o", "journal.cpp.o", "report.cpp.o", "suit.cpp.o",
                             "trust.cpp.o", "aes_unwrap.c.o", "chacha20_poly1305.c.o", "curve25519.c.o", "hash.c.o"})
    EXPECT_GT(sizes.count(object), 0u) << object;
  EXPECT_EQ(sizes.count("es256.c.o"), 0u) << "devices check Ed25519 only";
  EXPECT_LE(total_of(sizes), kRecordedFlashBytes);
}

TEST(AgentSize, flash_of_an_agent_that_agrees_on_keys_is_as_recorded) {
  if (!std::filesystem::exists(MOTE_AGREEING_AGENT_MAP)) GTEST_SKIP() << "no compiler for cortex-m4f";
  const std::map<std::string, unsigned> sizes = printed_sizes_of(MOTE_AGREEING_AGENT_MAP);
  EXPECT_LE(total_of(sizes), kRecordedAgreeingFlashBytes);
  // It is there only for those who ask for it.
  EXPECT_GT(total_of(sizes), total_of(sizes_of(read_text(MOTE_AGENT_MAP).value())) + 500);
}

// What is behind the port, the board's functions and the modules that it runs, is not in it.
TEST(AgentSize, object_and_deepest_stack_are_at_most_4_KiB_besides_the_page) {
  if (!std::filesystem::exists(MOTE_AGENT_MAP)) GTEST_SKIP() << "no compiler for cortex-m4f";
  CallGraph graph;
  // Where a Source is read, and where a key is agreed on; all other pointers are those of the port.
  graph.allow("agent", "_ZN4mote6update5Inbox4readEmNS0_12MutableBytesE");
  graph.allow("payload", "_ZN4mote6update5Inbox4readEmNS0_12MutableBytesE");
  graph.allow("encryption", "_ZN4mote6update15agree_by_x25519ERKNS0_8IdentityERA32_KhRA16_h");
  for (const char* folder : {MOTE_AGENT_FOLDERS}) graph.add(folder);
  const std::set<std::string> functions = graph.functions("_ZN4mote6update5Agent");
  ASSERT_EQ(functions.count("_ZN4mote6update5Agent4stepEv"), 1u);
  CallGraph::Depth deepest;
  for (const std::string& function : functions) {
    const CallGraph::Depth depth = graph.deepest(function);
    if (depth.bytes > deepest.bytes) deepest = depth;
  }
  std::cout << "object " << MOTE_AGENT_BYTES << "\nstack " << deepest.bytes << "\n" << deepest.path;
  EXPECT_LE(MOTE_AGENT_BYTES - kPageBytes + deepest.bytes, kMostRamBytes);
}

}  // namespace
}  // namespace mote::simulation
