#include "../parse/image_file.hpp"
#include "file_name.hpp"
#include "import_run.hpp"

namespace mote::data {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{512} << 20;

struct NamedPicture {
  Picture picture;
  FileRole role;
};

}  // namespace

Result<ImportReport> import_images(const ImageSpec& spec, const std::filesystem::path& out, Progress& progress) {
  if (spec.channels != 0 && spec.channels != 1 && spec.channels != 3) {
    return fail(Code::invalid_argument, "images are stored with 1 or 3 channels, not " + std::to_string(spec.channels));
  }
  MOTE_TRY(const NamingRule rule, NamingRule::create(spec.naming));
  std::size_t ignored = 0;
  MOTE_TRY(const auto files, list_files(spec.folder, {".png", ".jpg", ".jpeg"}, ignored));
  DatasetInfo info{spec.name, Modality::image, Element::u8, 0, spec.labels, {}, {}};
  MOTE_TRY(ImportRun run, ImportRun::start(out, std::move(info), "images", progress));
  run.report().files_ignored = ignored;
  describe(run.provenance(), spec.naming);
  run.provenance().setting("channels", std::to_string(spec.channels));

  const auto decode = [&](const SourceFile& file, ByteSpan bytes) -> Result<NamedPicture> {
    NamedPicture named;
    MOTE_TRY(named.role, rule.role(file.relative));
    MOTE_TRY(named.picture, decode_image(bytes, spec.channels, spec.max_side));
    return named;
  };
  unsigned channels = 0;
  std::string first_file;
  const auto consume = [&](const SourceFile& file, NamedPicture named) -> Result<void> {
    const Picture& picture = named.picture;
    if (channels != 0 && picture.channels != channels) {
      run.refuse(file.relative, Error(Code::malformed, "has " + std::to_string(picture.channels) + " channels, " +
                                                           first_file + " has " + std::to_string(channels) +
                                                           "; set the number of channels to convert to"));
      return {};
    }
    if (channels == 0) first_file = file.relative;
    channels = picture.channels;
    const NewSample sample{Shape::image(picture.height, picture.width, picture.channels),
                           picture.values,
                           named.role.label,
                           named.role.group,
                           named.role.partition,
                           file.relative};
    MOTE_TRY_VOID(run.append(sample, file.relative));
    return {};
  };
  MOTE_TRY_VOID(for_each_file(run, files, kMaxFileBytes, decode, consume));
  return run.finish(spec.folder);
}

}  // namespace mote::data
