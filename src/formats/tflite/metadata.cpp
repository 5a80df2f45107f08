#include "metadata.hpp"

namespace mote::formats::tflite {

ByteSpan metadata(const fb::Model& model, std::string_view name) {
  for (std::size_t i = 0; i < count(model.metadata()); ++i) {
    const fb::Metadata* entry = model.metadata()->Get(static_cast<flatbuffers::uoffset_t>(i));
    if (entry->name() == nullptr || entry->name()->string_view() != name) continue;
    if (entry->buffer() >= count(model.buffers())) return {};
    const auto* data = model.buffers()->Get(entry->buffer())->data();
    return data == nullptr ? ByteSpan() : ByteSpan(data->data(), data->size());
  }
  return {};
}

std::vector<std::string> split_names(ByteSpan text) {
  std::vector<std::string> names;
  std::string name;
  for (const std::uint8_t c : text) {
    if (c == 0) {
      names.push_back(std::move(name));
      name.clear();
    } else {
      name.push_back(static_cast<char>(c));
    }
  }
  return names;
}

Bytes join_names(const std::vector<std::string>& names) {
  Bytes text;
  for (const std::string& name : names) {
    for (const char c : name) text.push_back(static_cast<std::uint8_t>(c));
    text.push_back(0);
  }
  return text;
}

}  // namespace mote::formats::tflite
