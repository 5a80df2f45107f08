// Ensembles of trees: what mote makes of them is what ONNX Runtime computes, on random forests of every kind of branch,
// aggregate and transform; broken ones are refused in one sentence.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "mote/base/rng.hpp"
#include "mote/formats/onnx.hpp"
#include "mote/graph/executor.hpp"
#include "mote/optimize/passes.hpp"
#include "onnx_builder.hpp"
#include "oracle/onnx_oracle.hpp"
#include "test_models.hpp"

namespace mote::formats {
namespace {

using test::kFloat;
using test::kInt64;
using test::OnnxBuilder;
using ::testing::HasSubstr;

constexpr std::int64_t kFeatures = 5;

struct Forest {
  std::vector<std::string> modes{"BRANCH_LEQ"};
  bool missing = false;  ///< nodes say where NaN goes
  int trees = 12, depth = 5, classes = 3;
  bool classifier = true;
  bool one_class_a_tree = false;  ///< leaves of tree t add to class t modulo classes
  bool only_class_0 = false;
  bool negative = true;
  std::string transform = "NONE", aggregate = "SUM";
  std::vector<float> bases;
  std::int64_t first_label = 0;
  bool strings = false;
};

class ForestModel : public OnnxBuilder {
 public:
  explicit ForestModel(const Forest& f, std::uint64_t seed = 3) : f_(f), rng_(seed) {
    opset("ai.onnx.ml", 3);
    value(true, "x", {0, kFeatures});
    auto& n =
        node(f.classifier ? "TreeEnsembleClassifier" : "TreeEnsembleRegressor", {"x"}, f.classifier ? "label" : "y");
    n.set_domain("ai.onnx.ml");
    node_ = &n;
    if (f.classifier) n.add_output("y");
    for (int t = 0; t < f.trees; ++t) {
      next_ = 0;
      grow(t, f.depth);
    }
    ints("nodes_treeids", trees_);
    ints("nodes_nodeids", ids_);
    ints("nodes_featureids", features_);
    ints("nodes_truenodeids", yes_);
    ints("nodes_falsenodeids", no_);
    reals("nodes_values", values_);
    strings("nodes_modes", modes_);
    if (f.missing) ints("nodes_missing_value_tracks_true", missing_);
    const std::string leaf = f.classifier ? "class" : "target";
    ints(leaf + "_treeids", leaf_trees_);
    ints(leaf + "_nodeids", leaf_ids_);
    ints(leaf + "_ids", leaf_targets_);
    reals(leaf + "_weights", weights_);
    strings("post_transform", {});
    n.mutable_attribute(n.attribute_size() - 1)->set_s(f.transform);
    if (!f.bases.empty()) reals("base_values", f.bases);
    if (f.classifier) {
      std::vector<std::int64_t> labels;
      std::vector<std::string> names;
      for (int c = 0; c < f.classes; ++c) {
        labels.push_back(f.first_label + c);
        names.push_back("class " + std::to_string(c));
      }
      if (f.strings)
        strings("classlabels_strings", names);
      else
        ints("classlabels_int64s", labels);
    } else {
      set_one(n, "n_targets", f.classes);
      strings("aggregate_function", {});
      n.mutable_attribute(n.attribute_size() - 1)->set_s(f.aggregate);
    }
    // Of strings ONNX Runtime's driver cannot tell.
    if (f.classifier && !f.strings) value(false, "label", {0}, kInt64);
    value(false, "y", {0, f.classes});
  }
  test::schema::Attribute& attribute(const std::string& name) {
    for (auto& a : *graph().mutable_node(0)->mutable_attribute()) {
      if (a.name() == name) return a;
    }
    throw std::runtime_error(name);
  }

 private:
  int grow(int tree, int depth) {
    const int id = next_++;
    const std::size_t at = ids_.size();
    trees_.push_back(tree);
    ids_.push_back(id);
    features_.push_back(rng_.between(0, kFeatures - 1));
    // Few values, so that features meet thresholds exactly.
    values_.push_back(static_cast<float>(rng_.between(-6, 6)) / 4.0f);
    missing_.push_back(rng_.chance(0.5) ? 1 : 0);
    yes_.push_back(0);
    no_.push_back(0);
    const bool leaf = depth == 0 || (depth < f_.depth && rng_.chance(0.15));
    modes_.push_back(leaf ? "LEAF" : f_.modes[rng_.below(f_.modes.size())]);
    if (leaf) {
      for (int c = 0; c < f_.classes; ++c) {
        if ((f_.one_class_a_tree && c != tree % f_.classes) || (f_.only_class_0 && c != 0)) continue;
        leaf_trees_.push_back(tree);
        leaf_ids_.push_back(id);
        leaf_targets_.push_back(c);
        weights_.push_back(static_cast<float>(rng_.uniform(f_.negative ? -1.0 : 0.0, 1.0) / f_.trees));
      }
      return id;
    }
    yes_[at] = grow(tree, depth - 1);
    no_[at] = grow(tree, depth - 1);
    return id;
  }
  test::schema::Attribute& add(const std::string& name, int type) {
    auto& a = *node_->add_attribute();
    a.set_name(name);
    a.set_type(type);
    return a;
  }
  void ints(const std::string& name, const std::vector<std::int64_t>& values) { set(*node_, name, values); }
  void reals(const std::string& name, const std::vector<float>& values) {
    auto& a = add(name, 6);
    for (const float v : values) a.add_floats(v);
  }
  void strings(const std::string& name, const std::vector<std::string>& values) {
    auto& a = add(name, values.empty() ? 3 : 8);
    for (const std::string& v : values) a.add_strings(v);
  }

  Forest f_;
  Rng rng_;
  test::schema::Node* node_ = nullptr;
  int next_ = 0;
  std::vector<std::int64_t> trees_, ids_, features_, yes_, no_, missing_, leaf_trees_, leaf_ids_, leaf_targets_;
  std::vector<float> values_, weights_;
  std::vector<std::string> modes_;
};

/// Random features: some on a threshold, some zeros of both signs, infinities and NaN.
Bytes samples(std::size_t count, std::uint64_t seed) {
  Rng rng(seed);
  std::vector<float> x;
  for (std::size_t i = 0; i < count * static_cast<std::size_t>(kFeatures); ++i) {
    const std::uint64_t kind = rng.below(20);
    x.push_back(kind == 0   ? std::numeric_limits<float>::quiet_NaN()
                : kind == 1 ? -0.0f
                : kind == 2 ? 0.0f
                : kind == 3 ? std::numeric_limits<float>::infinity()
                : kind == 4 ? -std::numeric_limits<float>::infinity()
                : kind < 12 ? static_cast<float>(rng.between(-6, 6)) / 4.0f
                            : static_cast<float>(rng.uniform(-2.0, 2.0)));
  }
  const ByteSpan raw = bytes_of(std::span<const float>(x));
  return {raw.begin(), raw.end()};
}

float real_at(ByteSpan bytes, std::size_t at) {
  float v;
  std::memcpy(&v, bytes.data() + at, 4);
  return v;
}

struct Case {
  std::string name;
  Forest forest;
};

std::vector<Case> cases() {
  std::vector<Case> all;
  const auto add = [&](std::string name) -> Forest& {
    all.push_back({std::move(name), {}});
    return all.back().forest;
  };
  const std::vector<std::string> every{"BRANCH_LEQ", "BRANCH_LT", "BRANCH_GT", "BRANCH_GTE", "BRANCH_EQ", "BRANCH_NEQ"};
  for (const std::string& mode : every) {
    for (const bool missing : {false, true}) {
      Forest& f = add(mode + (missing ? ", NaN has a side" : ""));
      f.modes = {mode};
      f.missing = missing;
    }
  }
  Forest& mixed = add("all modes");
  mixed.modes = every;
  mixed.missing = true;
  for (const char* transform : {"SOFTMAX", "SOFTMAX_ZERO", "LOGISTIC"}) {
    add(std::string("three classes, ") + transform).transform = transform;
    Forest& boosted = add(std::string("a class a tree, base values, ") + transform);
    boosted.transform = transform;
    boosted.one_class_a_tree = true;
    boosted.bases = {0.1f, -0.2f, 0.05f};
  }
  add("labels from 7 on").first_label = 7;
  for (const bool negative : {false, true}) {
    Forest& two = add(std::string("two classes") + (negative ? ", negative weights" : ""));
    two.classes = 2;
    two.negative = negative;
    Forest& one = add(std::string("two classes by one score") + (negative ? ", negative weights" : ""));
    one.classes = 2;
    one.only_class_0 = true;
    one.negative = negative;
    Forest& logistic =
        add(std::string("two classes by one score, LOGISTIC, base") + (negative ? ", negative weights" : ""));
    logistic = one;
    logistic.transform = "LOGISTIC";
    logistic.bases = {0.03f};
  }
  for (const char* aggregate : {"SUM", "AVERAGE", "MIN", "MAX"}) {
    for (const int targets : {1, 3}) {
      for (const bool bases : {false, true}) {
        Forest& f = add(std::string(aggregate) + " of " + std::to_string(targets) + (bases ? ", base values" : ""));
        f.classifier = false;
        f.aggregate = aggregate;
        f.classes = targets;
        f.one_class_a_tree = targets == 3 && bases;
        if (bases) f.bases = targets == 1 ? std::vector<float>{0.5f} : std::vector<float>{0.5f, -0.25f, 1.0f};
      }
    }
  }
  Forest& many = add("seventy trees of depth 7");
  many.trees = 70;
  many.depth = 7;
  return all;
}

TEST(OnnxTrees, give_what_onnx_runtime_gives) {
  const auto oracle = oracle::OnnxOracle::open();
  if (!oracle) GTEST_SKIP() << oracle.error().message();
  constexpr std::size_t kSamples = 60;
  const Bytes x = samples(kSamples, 11);
  std::size_t different = 0, values = 0;
  const std::vector<Case> all = cases();
  std::vector<oracle::Job> jobs;
  for (const Case& c : all) jobs.push_back({ForestModel(c.forest).bytes(), x});
  const auto there = oracle->run_all(jobs);
  ASSERT_TRUE(there.has_value()) << there.error().message();
  for (std::size_t job = 0; job < all.size(); ++job) {
    const Case& c = all[job];
    SCOPED_TRACE(c.name);
    const auto model = read_onnx(jobs[job].model, "forest.onnx");
    ASSERT_TRUE(model.has_value()) << model.error().message();
    const auto simple = optimize::simplify(*model);
    ASSERT_TRUE(simple.has_value()) << simple.error().message();
    const auto here = test::run(simple->graph, x);
    ASSERT_TRUE(here.has_value()) << here.error().message();
    const auto scores = static_cast<std::size_t>(c.forest.classes);
    const std::size_t mine = (c.forest.classifier ? 4 : 0) + 4 * scores, theirs = mine + (c.forest.classifier ? 4 : 0);
    ASSERT_EQ(here->size(), kSamples * mine);
    ASSERT_EQ((*there)[job].size(), kSamples * theirs);
    for (std::size_t s = 0; s < kSamples; ++s) {
      const ByteSpan a = ByteSpan(*here).subspan(s * mine, mine),
                     b = ByteSpan((*there)[job]).subspan(s * theirs, theirs);
      if (c.forest.classifier) {
        std::int32_t got;
        std::int64_t expected;
        std::memcpy(&got, a.data(), 4);
        std::memcpy(&expected, b.data(), 8);
        EXPECT_EQ(got, expected) << "label of sample " << s << " scores " << real_at(b, 8) << " " << real_at(b, 12);
      }
      for (std::size_t i = 0; i < scores; ++i) {
        const float got = real_at(a, mine - 4 * scores + 4 * i), expected = real_at(b, theirs - 4 * scores + 4 * i);
        EXPECT_NEAR(got, expected, 1e-5 * std::max(0.1f, std::fabs(expected))) << "sample " << s << " score " << i;
        ++values;
        different += std::memcmp(&got, &expected, 4) != 0 ? 1 : 0;
      }
    }
  }
  std::printf("    %zu of %zu scores differ in any bit\n", different, values);
}

TEST(OnnxTrees, are_text_and_back) {
  Forest f;
  f.transform = "SOFTMAX";
  f.bases = {1.0f, 2.0f, 3.0f};
  const auto model = read_onnx(ForestModel(f).bytes(), "forest.onnx");
  ASSERT_TRUE(model.has_value()) << model.error().message();
  const auto again = graph::parse(graph::print(*model));
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(*again, *model);
}

TEST(OnnxTrees, are_written_and_read_again) {
  const Bytes x = samples(20, 12);
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    const auto model = read_onnx(ForestModel(c.forest).bytes(), "forest.onnx");
    ASSERT_TRUE(model.has_value()) << model.error().message();
    const auto file = write_onnx(*model);
    if (!file) {
      EXPECT_THAT(file.error().message(), HasSubstr("SOFTMAX_ZERO"));
      continue;
    }
    const auto again = read_onnx(*file, "again.onnx");
    ASSERT_TRUE(again.has_value()) << again.error().message();
    const auto before = test::run(*model, x), after = test::run(*again, x);
    ASSERT_TRUE(before.has_value() && after.has_value());
    ASSERT_EQ(before->size(), after->size());
    for (std::size_t i = 0; i + 4 <= before->size(); i += 4)
      EXPECT_NEAR(real_at(*after, i), real_at(*before, i), 1e-5 * std::max(1.0f, std::fabs(real_at(*before, i))));
  }
}

TEST(OnnxTrees, labels_that_are_strings_are_given_as_their_positions) {
  Forest f;
  f.strings = true;
  ForestModel file(f);
  file.value(false, "label", {0}, 8);
  const auto model = read_onnx(file.bytes(), "forest.onnx");
  ASSERT_TRUE(model.has_value()) << model.error().message();
  EXPECT_EQ(model->tensor(model->outputs()[1]).dtype, graph::DType::i32);
}

TEST(OnnxTrees, broken_ones_are_refused_in_one_sentence) {
  const auto refusal = [](const std::function<void(ForestModel&)>& change, Forest f = {}) {
    ForestModel file(f);
    change(file);
    const auto model = read_onnx(file.bytes(), "bad.onnx");
    EXPECT_FALSE(model.has_value());
    return model ? std::string() : model.error().message();
  };
  const auto ints = [](ForestModel& m, const char* name) { return m.attribute(name).mutable_ints(); };
  EXPECT_THAT(
      refusal([&](ForestModel& m) { ints(m, "nodes_truenodeids")->Set(0, 0); }),
      HasSubstr("bad.onnx: node 0 (TreeEnsembleClassifier giving \"label\"): node 0 of tree 0 is part of a cycle"));
  EXPECT_THAT(refusal([&](ForestModel& m) { ints(m, "nodes_truenodeids")->Set(0, 3); }),
              HasSubstr("child of two nodes"));
  EXPECT_THAT(refusal([&](ForestModel& m) {
                // Nodes 1 and what is below it form a ring beside the tree.
                ints(m, "nodes_truenodeids")->Set(0, 1 << 20);
              }),
              HasSubstr("node 1048576 of tree 0, a child, is missing"));
  EXPECT_THAT(refusal([&](ForestModel& m) { ints(m, "nodes_nodeids")->Set(1, 0); }), HasSubstr("is there twice"));
  EXPECT_THAT(refusal([&](ForestModel& m) { ints(m, "nodes_featureids")->Set(0, 99); }), HasSubstr("feature 99 of 5"));
  EXPECT_THAT(refusal([&](ForestModel& m) { ints(m, "nodes_featureids")->Set(0, -1); }), HasSubstr("feature -1"));
  EXPECT_THAT(refusal([&](ForestModel& m) { ints(m, "class_ids")->Set(0, 3); }), HasSubstr("target 3 of 3"));
  EXPECT_THAT(refusal([&](ForestModel& m) { ints(m, "class_ids")->Set(1, 0); }), HasSubstr("target 0 twice"));
  EXPECT_THAT(refusal([&](ForestModel& m) { ints(m, "class_nodeids")->Set(0, 0); }), HasSubstr("which is no leaf"));
  EXPECT_THAT(refusal([&](ForestModel& m) { ints(m, "nodes_treeids")->RemoveLast(); }), HasSubstr("different lengths"));
  EXPECT_THAT(refusal([](ForestModel& m) { m.attribute("nodes_modes").set_strings(0, "BRANCH_MEMBER"); }),
              HasSubstr("unknown mode \"BRANCH_MEMBER\""));
  EXPECT_THAT(refusal([](ForestModel& m) { m.attribute("nodes_values").set_floats(0, NAN); }),
              HasSubstr("threshold is not a number"));
  EXPECT_THAT(refusal([](ForestModel& m) { m.attribute("class_weights").set_floats(0, INFINITY); }),
              HasSubstr("not finite"));
  EXPECT_THAT(refusal([](ForestModel& m) { m.attribute("post_transform").set_s("PROBIT"); }), HasSubstr("PROBIT"));
  EXPECT_THAT(refusal([](ForestModel& m) { m.graph().mutable_node(0)->set_domain(""); }), HasSubstr("does not have"));
  Forest one;
  one.classifier = false;
  one.classes = 1;
  one.transform = "LOGISTIC";
  EXPECT_THAT(refusal([](ForestModel&) {}, one), HasSubstr("ONNX Runtime leaves out"));
}

TEST(OnnxTrees, a_ring_beside_a_tree_is_refused) {
  Forest f;
  f.trees = 1;
  f.depth = 1;
  ForestModel file(f);
  const auto add = [&](const char* name, std::int64_t v) { file.attribute(name).add_ints(v); };
  for (const std::int64_t id : {10, 11, 12, 13}) {
    add("nodes_treeids", 0);
    add("nodes_nodeids", id);
    add("nodes_featureids", 0);
    add("nodes_truenodeids", id == 10 ? 11 : 10);
    add("nodes_falsenodeids", id == 10 ? 12 : 13);
    file.attribute("nodes_values").add_floats(0.0f);
    file.attribute("nodes_modes").add_strings(id < 12 ? "BRANCH_LEQ" : "LEAF");
  }
  const auto model = read_onnx(file.bytes(), "ring.onnx");
  ASSERT_FALSE(model.has_value());
  EXPECT_THAT(model.error().message(), HasSubstr("node 10 of tree 0 is part of a cycle"));
}

TEST(OnnxTrees, a_chain_of_a_hundred_thousand_nodes_is_walked) {
  Forest f;
  f.trees = 1;
  f.depth = 0;
  f.classifier = false;
  f.classes = 1;
  ForestModel file(f);
  // The leaf that stands there becomes the end of a chain: node i asks x[0] <= i.
  constexpr std::int64_t kNodes = 100'000;
  for (const char* name : {"nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids",
                           "nodes_falsenodeids", "target_treeids", "target_nodeids", "target_ids"})
    file.attribute(name).clear_ints();
  file.attribute("nodes_values").clear_floats();
  file.attribute("nodes_modes").clear_strings();
  file.attribute("target_weights").clear_floats();
  for (std::int64_t i = 0; i <= 2 * kNodes; ++i) {
    const bool leaf = i >= kNodes;
    file.attribute("nodes_treeids").add_ints(0);
    file.attribute("nodes_nodeids").add_ints(i);
    file.attribute("nodes_featureids").add_ints(0);
    file.attribute("nodes_truenodeids").add_ints(leaf ? 0 : kNodes + i);
    file.attribute("nodes_falsenodeids").add_ints(leaf ? 0 : i + 1 < kNodes ? i + 1 : 2 * kNodes);
    file.attribute("nodes_values").add_floats(static_cast<float>(i));
    file.attribute("nodes_modes").add_strings(leaf ? "LEAF" : "BRANCH_LEQ");
    if (!leaf) continue;
    file.attribute("target_treeids").add_ints(0);
    file.attribute("target_nodeids").add_ints(i);
    file.attribute("target_ids").add_ints(0);
    file.attribute("target_weights").add_floats(static_cast<float>(i - kNodes));
  }
  const auto model = read_onnx(file.bytes(), "chain.onnx");
  ASSERT_TRUE(model.has_value()) << model.error().message();
  for (const float at : {-1.0f, 0.0f, 1.5f, 70'000.0f, 99'998.5f, 1e9f}) {
    const std::vector<float> x(kFeatures, at);
    const auto y = test::run(*model, bytes_of(std::span<const float>(x)));
    ASSERT_TRUE(y.has_value()) << y.error().message();
    EXPECT_EQ(real_at(*y, 0), std::clamp(std::ceil(at), 0.0f, 100'000.0f));
  }
}

TEST(OnnxTrees, survive_every_changed_byte) {
  Forest f;
  f.trees = 3;
  f.depth = 3;
  f.missing = true;
  f.modes = {"BRANCH_LEQ", "BRANCH_GT", "BRANCH_EQ"};
  const Bytes sound = ForestModel(f).bytes();
  std::size_t readable = 0;
  for (std::size_t at = 0; at < sound.size(); ++at) {
    Bytes damaged = sound;
    damaged[at] = at % 3 == 0 ? 0xff : static_cast<std::uint8_t>(sound[at] ^ (1u << (at % 8)));
    const auto model = read_onnx(damaged, "bad.onnx");
    if (!model) {
      EXPECT_EQ(model.error().message().find('\n'), std::string::npos);
      continue;
    }
    ++readable;
    EXPECT_TRUE(test::run(*model, Bytes(graph::input_bytes(*model))).has_value());
  }
  std::printf("    %zu damaged files, %zu readable\n", sound.size(), readable);
}

}  // namespace
}  // namespace mote::formats
