#include "mote/base/build_id.hpp"

#include <link.h>

#include <cstring>
#include <span>

#include "mote/base/bytes.hpp"

namespace mote {
namespace {

constexpr std::size_t padded(std::size_t n) { return (n + 3) & ~std::size_t{3}; }

/// Descriptor of the note that the linker writes with --build-id, in a PT_NOTE segment.
std::span<const std::uint8_t> find_note(std::span<const std::uint8_t> notes) {
  while (notes.size() >= sizeof(ElfW(Nhdr))) {
    ElfW(Nhdr) head;
    std::memcpy(&head, notes.data(), sizeof head);
    const std::size_t name = sizeof head;
    const std::size_t descriptor = name + padded(head.n_namesz);
    if (notes.size() < descriptor + padded(head.n_descsz)) return {};
    if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 && std::memcmp(notes.data() + name, "GNU", 4) == 0) {
      return notes.subspan(descriptor, head.n_descsz);
    }
    notes = notes.subspan(descriptor + padded(head.n_descsz));
  }
  return {};
}

/// The first object that is visited is the program itself.
int visit(dl_phdr_info* object, std::size_t, void* result) {
  for (const ElfW(Phdr) & segment : std::span(object->dlpi_phdr, object->dlpi_phnum)) {
    if (segment.p_type != PT_NOTE) continue;
    const auto* const start = reinterpret_cast<const std::uint8_t*>(object->dlpi_addr + segment.p_vaddr);
    const auto found = find_note({start, segment.p_memsz});
    if (!found.empty()) *static_cast<std::string*>(result) = to_hex(found);
  }
  return 1;
}

}  // namespace

std::string build_id() {
  std::string id;
  dl_iterate_phdr(visit, &id);
  return id;
}

}  // namespace mote
