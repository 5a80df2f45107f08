#include <cmath>

#include "../parse/strokes.hpp"
#include "file_name.hpp"
#include "import_run.hpp"

namespace mote::data {
namespace {

constexpr std::uint64_t kMaxFileBytes = std::uint64_t{256} << 20;

struct NamedStrokes {
  StrokesFile file;
  FileRole role;
};

}  // namespace

Result<ImportReport> import_strokes(const StrokesSpec& spec, const std::filesystem::path& out, Progress& progress) {
  if (!(spec.rate_hz >= 0) || !std::isfinite(spec.rate_hz))
    return fail(Code::invalid_argument, "rate_hz must not be negative");
  Naming naming = spec.naming;
  naming.label = Naming::Label::none;
  MOTE_TRY(const NamingRule rule, NamingRule::create(naming));
  std::size_t ignored = 0;
  MOTE_TRY(const auto files, list_files(spec.path, {".json"}, ignored));
  DatasetInfo info{spec.name, Modality::strokes, Element::f32, spec.rate_hz, spec.labels, {}, {}};
  MOTE_TRY(ImportRun run, ImportRun::start(out, std::move(info), "strokes", progress));
  run.report().files_ignored = ignored;
  describe(run.provenance(), naming);

  const auto decode = [&](const SourceFile& file, ByteSpan bytes) -> Result<NamedStrokes> {
    NamedStrokes named;
    MOTE_TRY(named.role, rule.role(file.relative));
    MOTE_TRY(named.file, parse_strokes(bytes));
    return named;
  };
  const auto consume = [&](const SourceFile& file, NamedStrokes named) -> Result<void> {
    const auto item = [&](std::size_t position) {
      return file.relative + ": strokes[" + std::to_string(position) + "]";
    };
    for (const RefusedStroke& refused : named.file.refused) {
      run.refuse(item(refused.position), Error(Code::malformed, refused.reason));
    }
    for (const Stroke& stroke : named.file.strokes) {
      const std::size_t points = stroke.points.size() / 2;
      if (points < spec.min_points) {
        run.refuse(item(stroke.position),
                   Error(Code::malformed, "has " + std::to_string(points) + " points, at least " +
                                              std::to_string(spec.min_points) + " are wanted"));
        continue;
      }
      const std::string source = file.relative + "#" + std::to_string(stroke.position);
      const NewSample sample{Shape::sequence(static_cast<std::uint32_t>(points), 2),
                             bytes_of(std::span<const float>(stroke.points)),
                             stroke.label,
                             named.role.group,
                             named.role.partition,
                             source};
      MOTE_TRY_VOID(run.append(sample, item(stroke.position)));
    }
    return {};
  };
  MOTE_TRY_VOID(for_each_file(run, files, kMaxFileBytes, decode, consume));
  return run.finish(spec.path);
}

}  // namespace mote::data
