// The one file that sees stb_image.
#include "image_file.hpp"

#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_PNG
#define STBI_ONLY_JPEG
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_MAX_DIMENSIONS 65535
#include <stb/stb_image.h>

#include <climits>
#include <memory>
#include <string>

namespace mote::data {
namespace {
struct Free {
  void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
};
}  // namespace

Result<Picture> decode_image(ByteSpan file, unsigned channels, std::uint32_t max_side) {
  MOTE_CHECK(channels == 0 || channels == 1 || channels == 3);
  MOTE_TRY(const ImageSize size, check_image(file));
  if (size.width > max_side || size.height > max_side) {
    return fail(Code::too_large, "byte 0: " + std::to_string(size.width) + "x" + std::to_string(size.height) +
                                     " pixels, a side of at most " + std::to_string(max_side) + " is taken");
  }
  if (file.size() > INT_MAX) return fail(Code::too_large, "byte 0: the file is larger than 2 GiB");
  if (channels == 0) channels = size.channels < 3 ? 1 : 3;
  int width = 0;
  int height = 0;
  int stored = 0;
  const std::unique_ptr<stbi_uc, Free> pixels(stbi_load_from_memory(file.data(), static_cast<int>(file.size()), &width,
                                                                    &height, &stored, static_cast<int>(channels)));
  if (!pixels)
    return fail(Code::malformed, std::string("byte 0: the picture cannot be unpacked (") + stbi_failure_reason() + ")");
  Picture picture{static_cast<std::uint32_t>(height), static_cast<std::uint32_t>(width), channels, {}};
  picture.values.assign(pixels.get(), pixels.get() + std::size_t{picture.height} * picture.width * channels);
  return picture;
}

}  // namespace mote::data
