#include "mote/registry/artifact.hpp"

#include <algorithm>
#include <charconv>

namespace mote::registry {
namespace {

constexpr std::string_view kHeader = "mote folder 1\n";

std::string escaped(std::string_view path) {
  std::string text;
  for (const char c : path) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (byte >= 0x20 && byte != 0x7f && c != '%') {
      text += c;
    } else {
      text += '%' + to_hex({&byte, 1});
    }
  }
  return text;
}

Result<std::string> unescaped(std::string_view text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      path += text[i];
      continue;
    }
    MOTE_TRY(const Bytes byte, from_hex(text.substr(i + 1, 2)));
    if (byte.size() != 1) return fail(Code::malformed, "a path ends in the middle of a %XX");
    path += static_cast<char>(byte[0]);
    i += 2;
  }
  return path;
}

/// A manifest is unpacked into a folder: nothing in it may point outside.
bool stays_inside(std::string_view path) {
  if (path.empty() || path.find('\0') != std::string_view::npos) return false;
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return false;
    if (slash == std::string_view::npos) return true;
    path.remove_prefix(slash + 1);
  }
}

Result<ManifestEntry> parse_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return fail(Code::malformed, "has no id, size and path");
  ManifestEntry entry;
  MOTE_TRY(entry.id, parse_digest(line.substr(0, first)));
  const std::string_view size = line.substr(first + 1, second - first - 1);
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), entry.bytes);
  if (error != std::errc{} || end != size.data() + size.size()) return fail(Code::malformed, "has no valid size");
  MOTE_TRY(entry.path, unescaped(line.substr(second + 1)));
  if (!stays_inside(entry.path)) return fail(Code::malformed, "has a path that leaves the folder");
  return entry;
}

}  // namespace

std::string_view name(Kind kind) {
  switch (kind) {
    case Kind::file:
      return "file";
    case Kind::folder:
      return "folder";
  }
  return "unknown";
}

std::string Manifest::text() {
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  std::string text(kHeader);
  for (const ManifestEntry& entry : entries) {
    text += entry.id.hex() + ' ' + std::to_string(entry.bytes) + ' ' + escaped(entry.path) + '\n';
  }
  return text;
}

Result<Manifest> Manifest::parse(std::string_view text) {
  if (!text.starts_with(kHeader)) return fail(Code::malformed, "byte 0: not the manifest of a folder");
  Manifest manifest;
  std::size_t offset = kHeader.size();
  while (offset < text.size()) {
    const std::size_t end = text.find('\n', offset);
    const std::string where = "manifest, byte " + std::to_string(offset);
    if (end == std::string_view::npos) return fail(Code::malformed, where + ": the last line is cut");
    auto entry = parse_line(text.substr(offset, end - offset));
    if (!entry) return fail(std::move(entry).error(), where);
    if (!manifest.entries.empty() && !(manifest.entries.back().path < entry->path)) {
      return fail(Code::malformed, where + ": paths are not in order");
    }
    manifest.entries.push_back(std::move(*entry));
    offset = end + 1;
  }
  return manifest;
}

std::uint64_t Manifest::bytes() const {
  std::uint64_t sum = 0;
  for (const ManifestEntry& entry : entries) sum += entry.bytes;
  return sum;
}

Result<Digest> parse_digest(std::string_view hex) {
  MOTE_TRY(const Bytes raw, from_hex(hex));
  Digest digest;
  if (raw.size() != digest.bytes.size()) return fail(Code::malformed, "an id has 64 hexadecimal digits");
  std::copy(raw.begin(), raw.end(), digest.bytes.begin());
  return digest;
}

}  // namespace mote::registry
