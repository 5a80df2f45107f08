#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>

#include "../parse/idx.hpp"
#include "import_run.hpp"

namespace mote::data {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kBlockBytes = 4 << 20;

Result<IdxReader> open_idx(const fs::path& path) {
  auto stream = open_stream(path);
  if (!stream) return fail(std::move(stream).error(), path.string());
  auto reader = IdxReader::open(std::move(*stream));
  if (!reader) return fail(std::move(reader).error(), path.string());
  return reader;
}

std::optional<Element> element_of(IdxType type) {
  switch (type) {
    case IdxType::u8:
      return Element::u8;
    case IdxType::i16:
      return Element::i16;
    case IdxType::f32:
      return Element::f32;
    case IdxType::i8:
    case IdxType::i32:
    case IdxType::f64:
      return std::nullopt;
  }
  return std::nullopt;
}

struct ImageFile {
  IdxReader reader;
  Element element;
  Shape shape;
};

Result<ImageFile> open_images(const fs::path& path) {
  MOTE_TRY(IdxReader reader, open_idx(path));
  const auto element = element_of(reader.type());
  if (!element) return fail(Code::unsupported, path.string() + ": byte 2: images must be u8, i16 or f32");
  const auto& dims = reader.dims();
  if (dims.size() < 3) {
    return fail(Code::malformed, path.string() + ": byte 3: " + std::to_string(dims.size()) +
                                     " dimensions, images need [N,H,W] or [N,H,W,C]; is this the label file?");
  }
  const Shape shape = Shape::image(dims[1], dims[2], dims.size() == 4 ? dims[3] : 1);
  return ImageFile{std::move(reader), *element, shape};
}

Result<std::vector<std::int64_t>> read_labels(const fs::path& path) {
  MOTE_TRY(IdxReader reader, open_idx(path));
  if (reader.dims().size() != 1 || (reader.type() != IdxType::u8 && reader.type() != IdxType::i32)) {
    return fail(Code::malformed,
                path.string() + ": byte 2: labels must be u8 or i32 of one dimension; is this the image file?");
  }
  std::vector<std::int64_t> labels;
  const std::size_t width = reader.item_bytes();
  Bytes block;
  for (std::uint32_t left = reader.items(); left > 0;) {
    const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(left, kBlockBytes / width));
    block.resize(count * width);
    if (auto read = reader.read_items(block); !read) return fail(std::move(read).error(), path.string());
    for (std::size_t k = 0; k < count; ++k) {
      std::uint32_t raw = 0;
      std::memcpy(&raw, block.data() + k * width, width);
      labels.push_back(width == 1 ? std::int64_t{raw} : std::int64_t{static_cast<std::int32_t>(raw)});
    }
    left -= count;
  }
  if (auto end = reader.expect_end(); !end) return fail(std::move(end).error(), path.string());
  return labels;
}

Result<void> add_source(Provenance& provenance, const fs::path& path) {
  MOTE_TRY(const Digest digest, sha256_file(path));
  std::error_code error;
  provenance.source(path.filename().string(), fs::file_size(path, error), digest);
  return {};
}

/// One pair of files. Labels are read before the first image, so that a wrong pair writes nothing.
class PairImport {
 public:
  PairImport(ImportRun& run, const IdxSpec& spec) : run_(run), spec_(spec) {}

  Result<void> check_labels(const fs::path& labels_path, const fs::path& images_path, const ImageFile& images) {
    labels_.clear();
    if (labels_path.empty()) return {};
    MOTE_TRY(labels_, read_labels(labels_path));
    if (labels_.size() != images.reader.items()) {
      return fail(Code::malformed, labels_path.string() + ": byte 4: has " + std::to_string(labels_.size()) +
                                       " labels, " + images_path.filename().string() + " has " +
                                       std::to_string(images.reader.items()) + " images");
    }
    for (std::size_t k = 0; k < labels_.size(); ++k) {
      const bool named = spec_.label_names.empty() || labels_[k] < static_cast<std::int64_t>(spec_.label_names.size());
      if (labels_[k] < 0 || !named) {
        return fail(Code::malformed, labels_path.string() + ": item " + std::to_string(k) + ": label " +
                                         std::to_string(labels_[k]) + " has no name, " +
                                         std::to_string(spec_.label_names.size()) + " names are given");
      }
    }
    return {};
  }

  Result<void> add(const fs::path& path, ImageFile& images, Partition partition) {
    IdxReader& reader = images.reader;
    const std::size_t width = reader.item_bytes();
    const std::size_t at_once = std::max<std::size_t>(1, kBlockBytes / width);
    const std::string file = path.filename().string();
    Bytes block;
    for (std::size_t first = 0; first < reader.items(); first += at_once) {
      MOTE_TRY_VOID(run_.check_cancelled());
      run_.progress().step("import", first, reader.items(), file);
      const std::size_t count = std::min<std::size_t>(at_once, reader.items() - first);
      block.resize(count * width);
      if (auto read = reader.read_items(block); !read) return fail(std::move(read).error(), path.string());
      for (std::size_t k = 0; k < count; ++k) {
        MOTE_TRY_VOID(add_item(images, ByteSpan(block).subspan(k * width, width), first + k, file, partition));
      }
    }
    if (auto end = reader.expect_end(); !end) return fail(std::move(end).error(), path.string());
    run_.progress().step("import", reader.items(), reader.items(), file);
    ++run_.report().files_used;
    return {};
  }

 private:
  Result<void> add_item(const ImageFile& images, ByteSpan values, std::size_t item, const std::string& file,
                        Partition partition) {
    if (images.element == Element::f32) {
      for (std::size_t k = 0; k < values.size(); k += 4) {
        float value = 0;
        std::memcpy(&value, values.data() + k, 4);
        if (!std::isfinite(value)) {
          run_.refuse(file + "#" + std::to_string(item),
                      Error(Code::malformed, "value " + std::to_string(k / 4) + " is not a finite number"));
          return {};
        }
      }
    }
    const std::string label = labels_.empty()             ? std::string()
                              : spec_.label_names.empty() ? std::to_string(labels_[item])
                                                          : spec_.label_names[static_cast<std::size_t>(labels_[item])];
    const std::string source = file + "#" + std::to_string(item);
    const NewSample sample{images.shape, values, label, {}, partition, source};
    MOTE_TRY_VOID(run_.append(sample, source));
    return {};
  }

  ImportRun& run_;
  const IdxSpec& spec_;
  std::vector<std::int64_t> labels_;
};

}  // namespace

Result<ImportReport> import_idx(const IdxSpec& spec, const fs::path& out, Progress& progress) {
  if (spec.images.empty()) return fail(Code::invalid_argument, "no IDX image file is named");
  const bool has_test = !spec.test_images.empty();
  if (has_test && spec.labels.empty() != spec.test_labels.empty()) {
    return fail(Code::invalid_argument, "only one of the two IDX image files has a label file; name both or none");
  }
  MOTE_TRY(ImageFile train, open_images(spec.images));
  std::optional<ImageFile> test;
  if (has_test) {
    MOTE_TRY(test, open_images(spec.test_images));
    if (test->element != train.element) {
      return fail(Code::malformed,
                  spec.test_images.string() + ": byte 2: has another element type than " + spec.images.string());
    }
    if (!(test->shape == train.shape)) {
      return fail(Code::malformed, spec.test_images.string() + ": byte 8: its images are " + test->shape.text() +
                                       ", those of " + spec.images.string() + " " + train.shape.text());
    }
  }
  DatasetInfo info{spec.name, Modality::image, train.element, 0, spec.label_names, {}, {}};
  MOTE_TRY(ImportRun run, ImportRun::start(out, std::move(info), "idx", progress));
  PairImport pair(run, spec);
  MOTE_TRY_VOID(pair.check_labels(spec.labels, spec.images, train));
  MOTE_TRY_VOID(pair.add(spec.images, train, has_test ? Partition::train : Partition::none));
  if (test) {
    MOTE_TRY_VOID(pair.check_labels(spec.test_labels, spec.test_images, *test));
    MOTE_TRY_VOID(pair.add(spec.test_images, *test, Partition::test));
  }
  for (const fs::path& path : {spec.images, spec.labels, spec.test_images, spec.test_labels}) {
    if (!path.empty()) MOTE_TRY_VOID(add_source(run.provenance(), path));
  }
  return run.finish(spec.images);
}

}  // namespace mote::data
