// Looks at the page with a real browser: does the script run, does hostile text stay text, does it fit a phone, can it
// be read.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "markup.hpp"
#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/report/report.hpp"
#include "report_fixture.hpp"

namespace mote::report {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class Browser : public ::testing::Test {
 protected:
  void SetUp() override {
    program_ = find_program("chromium");
    if (program_.empty()) GTEST_SKIP() << "chromium is not installed";
    auto folder = TemporaryFolder::create("mote-report");
    ASSERT_TRUE(folder) << folder.error().message();
    folder_.emplace(std::move(*folder));
  }

  /// Opens `html` and returns what the browser prints.
  std::string open(const std::string& html, std::vector<std::string> more) {
    const auto page = folder_->path() / "page.html";
    EXPECT_TRUE(write_file(page, html));
    std::vector<std::string> arguments = {
        program_.string(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--user-data-dir=" + (folder_->path() / ("profile" + std::to_string(++runs_))).string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.push_back("file://" + page.string());
    ProcessOptions options;
    options.timeout = std::chrono::seconds(120);
    const auto run = run_process(arguments, options);
    EXPECT_TRUE(run) << run.error().message();
    return run ? run->output : std::string();
  }
  std::string dom_of(const std::string& html) { return open(html, {"--dump-dom"}); }

  /// Runs `script` in a page that holds the report in a frame, at each of `widths` pixels (text, with commas); `d` is
  /// the report's document, `w` its window.
  /// @return "width: answer, width: answer".
  std::string ask(const std::string& report, const std::string& widths, const std::string& script,
                  const std::string& scheme = "light") {
    const std::string html =
        "<!doctype html><body><iframe id=f style='border:0;height:800px' srcdoc=\"" + escape(report) +
        "\"></iframe><script>addEventListener('load',()=>{const f=document.getElementById('f');" +
        "const d=f.contentDocument,w=f.contentWindow,answers=[];for(const width of [" + widths +
        "]){f.style.width=width+'px';answers.push(width+': '+(()=>{" + script +
        "})());}f.remove();document.body.textContent='ANSWER['+answers.join(', ')+']END';});</script></body>";
    const std::string dom = open(
        html, {"--dump-dom", "--blink-settings=preferredColorScheme=" + std::string(scheme == "dark" ? "0" : "1")});
    const std::size_t begin = dom.find("ANSWER[");
    const std::size_t end = dom.find("]END");
    EXPECT_NE(begin, std::string::npos) << "the page did not answer";
    return begin == std::string::npos ? std::string() : dom.substr(begin + 7, end - begin - 7);
  }

  std::string screenshot(const std::string& html, const std::string& setting) {
    const auto picture = folder_->path() / "picture.png";
    open(html, {"--window-size=1280,1600", setting, "--screenshot=" + picture.string()});
    const auto bytes = read_file(picture);
    EXPECT_TRUE(bytes) << bytes.error().message();
    return bytes ? std::string(bytes->begin(), bytes->end()) : std::string();
  }

 private:
  std::filesystem::path program_;
  std::optional<TemporaryFolder> folder_;
  int runs_ = 0;
};

ReportData hostile() {
  ReportData data = fixture::realistic();
  const std::string evil =
      "\"'><script>document.documentElement.dataset.owned=1</script><img src=x "
      "onerror=\"document.documentElement.dataset.owned=1\">";
  for (std::string& name : data.classes) name = evil;
  for (ArenaTensor& t : data.arena.tensors) t.name = evil;
  for (TrainingPhase& p : data.training) p.name = evil;
  for (MemoryPart& p : data.footprint.flash) p.name = evil;
  data.project = evil;
  return data;
}

ReportData long_names() {
  ReportData data = fixture::realistic();
  const std::string endless(120, 'w');
  data.project = data.description = data.board.name = endless;
  for (std::string& name : data.classes) name = endless;
  for (ArenaTensor& t : data.arena.tensors) t.name = endless;
  for (LayerCost& l : data.profile.layers) l.name = l.op = endless;
  for (TrainingPhase& p : data.training) p.name = endless;
  for (MemoryPart& p : data.footprint.flash) p.name = p.group = endless;
  for (LineageStep& s : data.lineage) s.stage = s.detail = endless;
  for (Budget& b : data.budgets) b.name = endless;
  for (Split& s : data.data.splits) s.name = endless, s.groups = {{endless, 3}};
  for (Setting& s : data.provenance.settings) s.value = s.key = endless;
  data.provenance.commands = {endless};
  data.data.refused = {{endless, endless}};
  return data;
}

ReportData many_classes() {
  ReportData data = fixture::realistic();
  data.classes.clear();
  for (int i = 0; i < 200; ++i) data.classes.push_back("class number " + std::to_string(i));
  for (Split& s : data.data.splits) s.class_counts.assign(200, 7);
  data.evaluation.confusion_int8.assign(40000, 0);
  data.evaluation.confusion_float.clear();
  for (std::size_t i = 0; i < 200; ++i) {
    data.evaluation.confusion_int8[i * 201] = 50;
    data.evaluation.confusion_int8[i * 200 + (i * 7 + 3) % 200] += i % 9;
  }
  return data;
}

TEST_F(Browser, runs_the_script_without_errors_and_shows_every_section) {
  for (const ReportData& data : {fixture::realistic(), many_classes(), ReportData{}}) {
    const std::string dom = dom_of(render_html(data));
    EXPECT_THAT(dom, HasSubstr("data-ready=\"yes\""));
    EXPECT_THAT(dom, Not(HasSubstr("data-error")));
  }
  const std::string dom = dom_of(render_html(fixture::realistic()));
  for (const char* id : {"data", "training", "evaluation", "arena", "layers", "footprint", "provenance"}) {
    EXPECT_THAT(dom, HasSubstr(std::string("<section id=\"") + id + "\""));
  }
}

TEST_F(Browser, keeps_hostile_names_text) {
  const std::string dom = dom_of(render_html(hostile()));
  EXPECT_THAT(dom, HasSubstr("data-ready=\"yes\""));
  EXPECT_THAT(dom, Not(HasSubstr("data-owned")));
  EXPECT_THAT(dom, Not(HasSubstr("<img src=\"x\"")));
  EXPECT_THAT(dom, Not(HasSubstr("<script>document")));
}

TEST_F(Browser, forbids_scripts_other_than_its_own) {
  std::string html = render_html(fixture::realistic());
  html.insert(html.find("</main>"), "<script>document.documentElement.dataset.owned=1</script>");
  const std::string dom = dom_of(html);
  EXPECT_THAT(dom, HasSubstr("data-ready=\"yes\""));
  EXPECT_THAT(dom, Not(HasSubstr("data-owned")));
}

TEST_F(Browser, fits_every_width_without_sideways_scrolling) {
  // Elements that reach beyond the page without being cut off by a parent are as bad as a scroll bar.
  const std::string script = R"js(
    for (const e of d.querySelectorAll("details")) e.open = true;
    const limit = d.documentElement.clientWidth + 1;
    const cut = e => { for (let p = e.parentElement; p; p = p.parentElement) if (w.getComputedStyle(p).overflowX !== "visible" || w.getComputedStyle(p).clipPath !== "none") return true; };
    const wide = [...d.querySelectorAll("main *,nav *")].filter(e => e.getBoundingClientRect().right > limit && !cut(e) && w.getComputedStyle(e).clipPath === "none");
    const main = d.querySelector("main"), edge = main.getBoundingClientRect().right - parseFloat(w.getComputedStyle(main).paddingRight) + 1;
    wide.push(...[...d.querySelectorAll("table,figure,dl")].filter(e => e.getBoundingClientRect().right > edge));
    wide.push(...[...d.querySelectorAll(".long")].filter(e => e.scrollWidth > e.clientWidth + 1));
    return d.documentElement.scrollWidth <= limit && !wide.length ? "fits" : d.documentElement.scrollWidth + " " + wide.slice(0, 4).map(e => e.tagName + "." + (e.className.baseVal ?? e.className) + " " + e.closest("section,header")?.id + " " + Math.round(e.getBoundingClientRect().right)).join("; ");
  )js";
  for (const ReportData& data : {fixture::realistic(), many_classes(), long_names()}) {
    EXPECT_EQ(ask(render_html(data), "320,390,700,1000,1280", script),
              "320: fits, 390: fits, 700: fits, 1000: fits, 1280: fits");
  }
}

TEST_F(Browser, has_text_with_enough_contrast_in_light_and_dark) {
  // WCAG 2.1, 1.4.3: 4.5, or 3 for large text. Backgrounds may be a colour or one shade laid over it.
  const std::string script = R"js(
    for (const e of d.querySelectorAll("details")) e.open = true;
    const colours = s => [...s.matchAll(/rgba?\(([^)]+)\)/g)].map(m => m[1].split(/[ ,\/]+/).map(Number));
    const over = (top, below) => { const a = top[3] ?? 1; return below.map((v, i) => top[i] * a + v * (1 - a)); };
    const luminance = c => { const [r, g, b] = c.map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
    const behind = e => {
      const layers = [];
      for (; e; e = e.parentElement) {
        const s = w.getComputedStyle(e);
        layers.push(...colours(s.backgroundImage).slice(0, 1), ...colours(s.backgroundColor));
        if ((layers.at(-1)?.[3] ?? 1) === 1 && layers.length) break;
      }
      return layers.reverse().reduce((below, top) => over(top, below), w.matchMedia("(prefers-color-scheme: dark)").matches ? [0, 0, 0] : [255, 255, 255]);
    };
    let checked = 0;
    const bad = [];
    for (const e of d.body.querySelectorAll("*")) {
      const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
      const s = w.getComputedStyle(e);
      if (!own || !e.getClientRects().length || s.opacity === "0" || e.closest("svg,script,style")) continue;
      const ground = behind(e), ink = over(colours(s.color)[0], ground);
      const [high, low] = [luminance(ink), luminance(ground)].sort((a, b) => b - a);
      const large = parseFloat(s.fontSize) >= 24 || (parseFloat(s.fontSize) >= 18.66 && s.fontWeight >= 700);
      checked++;
      if ((high + .05) / (low + .05) < (large ? 3 : 4.5)) bad.push(e.tagName + "." + e.className + " " + ((high + .05) / (low + .05)).toFixed(2));
    }
    const dark = w.matchMedia("(prefers-color-scheme: dark)").matches;
    return (dark ? "dark " : "light ") + (checked > 300 && !bad.length ? "good" : checked + " " + [...new Set(bad)].slice(0, 6).join("; "));
  )js";
  for (const ReportData& data : {fixture::realistic(), many_classes()}) {
    EXPECT_EQ(ask(render_html(data), "390,1200", script, "light"), "390: light good, 1200: light good");
    EXPECT_EQ(ask(render_html(data), "390,1200", script, "dark"), "390: dark good, 1200: dark good");
  }
}

TEST_F(Browser, shows_a_read_out_under_the_pointer) {
  const std::string script = R"js(
    const area = d.querySelector(".area[data-n]"), box = area.getBoundingClientRect();
    area.dispatchEvent(new w.PointerEvent("pointermove", { bubbles: true, clientX: box.left + box.width * .99, clientY: box.top + 5 }));
    const curve = d.getElementById("tip").textContent.split("\n")[0];
    const tensor = d.querySelector(".tensor");
    tensor.dispatchEvent(new w.PointerEvent("pointermove", { bubbles: true, clientX: 1, clientY: 1 }));
    return curve + ", " + d.getElementById("tip").textContent.split("\n")[0];
  )js";
  EXPECT_EQ(ask(render_html(fixture::realistic()), "1000", script), "1000: epoch 20, image");
}

TEST_F(Browser, names_the_cell_of_a_large_confusion_matrix_under_the_pointer) {
  const std::string script = R"js(
    const map = d.querySelector("svg[data-cells]"), box = map.getBoundingClientRect();
    map.dispatchEvent(new w.PointerEvent("pointermove", { bubbles: true, clientX: box.left + box.width * 2.5 / 200, clientY: box.top + box.height * 2.5 / 200 }));
    return d.getElementById("tip").textContent.replaceAll("\n", ", ");
  )js";
  EXPECT_EQ(ask(render_html(many_classes()), "1000", script),
            "1000: truth class number 2, answer class number 2, 50 of 52");
}

TEST_F(Browser, draws_a_light_and_a_dark_page) {
  const std::string html = render_html(fixture::realistic());
  const std::string light = screenshot(html, "--blink-settings=preferredColorScheme=1");
  const std::string dark = screenshot(html, "--blink-settings=preferredColorScheme=0");
  EXPECT_GT(light.size(), 30'000u);
  EXPECT_GT(dark.size(), 30'000u);
  EXPECT_NE(light, dark);
}

}  // namespace
}  // namespace mote::report
