// Exported source, built and run: every framework's files with this machine's compiler (portable kernels), and the
// assembly with the cross compiler.

#include "mote/compile/source_package.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "mote/base/file.hpp"
#include "mote/base/process.hpp"
#include "mote/base/rng.hpp"
#include "mote/graph/executor.hpp"
#include "random_layers.hpp"

namespace mote::compile {
namespace {

using ::testing::HasSubstr;

/// A convolution, a depthwise layer and a sum: kernels of several families.
graph::Graph small_model() {
  using namespace graph;
  Rng rng(3);
  Graph g("small model");
  const Quantization q = Quantization::per_tensor(0.05f, -3);
  const auto value = [&](const char* name, Shape shape) {
    return g.add_tensor({name, DType::i8, std::move(shape), q, nullptr});
  };
  const TensorId x = value("x", {1, 8, 8, 4}), a = value("a", {1, 8, 8, 8}), b = value("b", {1, 8, 8, 8}),
                 y = value("y", {1, 8, 8, 8});
  const TensorId w = testing::random_weights(g, rng, {8, 3, 3, 4}, 0, 8, q, 2.0),
                 d = testing::random_weights(g, rng, {1, 3, 3, 8}, 3, 8, q, 2.0);
  g.add_op({"conv", Conv2D{1, 1, 1, 1, {1, 1, 1, 1}, Activation::relu}, {x, w}, {a}});
  g.add_op({"depthwise", DepthwiseConv2D{1, 1, 1, 1, 1, {1, 1, 1, 1}, Activation::none}, {a, d}, {b}});
  g.add_op({"sum", Add{}, {a, b}, {y}});
  g.set_inputs({x});
  g.set_outputs({y});
  return g;
}

SourcePackageOptions options_for(const graph::Graph& g, Framework framework, Target target) {
  SourcePackageOptions o;
  o.framework = framework;
  o.name = "small";
  o.version = "2.1.0-rc.1";
  o.program.lowering.target = target;
  o.input.resize(g.input().size_bytes());
  o.output.resize(g.output().size_bytes());
  Rng rng(5);
  for (auto& b : o.input) b = static_cast<std::uint8_t>(rng.next());
  EXPECT_TRUE(std::move(*graph::Executor::create(g)).run(o.input, o.output));
  return o;
}

void write_package(const std::filesystem::path& folder, const std::vector<SourceFile>& files) {
  for (const SourceFile& f : files) ASSERT_TRUE(write_file(folder / f.path, as_bytes(f.text)));
}

TEST(SourcePackage, of_cmake_builds_here_and_checks_its_vector) {
  const graph::Graph g = small_model();
  TemporaryFolder folder = *TemporaryFolder::create("export");
  const auto files = source_package(g, options_for(g, Framework::cmake, Target::portable));
  ASSERT_TRUE(files.has_value()) << files.error().message();
  write_package(folder.path(), *files);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"cmake", "-S", folder.path().string(), "-B", (folder.path() / "build").string()},
        {"cmake", "--build", (folder.path() / "build").string()},
        {(folder.path() / "build/small_example").string()}}) {
    const auto run = run_process(command);
    ASSERT_TRUE(run.has_value());
    ASSERT_EQ(run->exit_code, 0) << run->output << run->diagnostics;
    if (command.size() == 1) {
      EXPECT_THAT(run->output, HasSubstr("small 2.1.0-rc.1: ok"));
    }
  }
}

/// Sources that a package's own build would compile, with this machine's compiler; its example is a C program.
TEST(SourcePackage, of_every_framework_compiles_and_its_example_runs) {
  const graph::Graph g = small_model();
  for (std::size_t f = 0; f < framework_names().size(); ++f) {
    SCOPED_TRACE(framework_names()[f]);
    TemporaryFolder folder = *TemporaryFolder::create("export");
    const auto files = source_package(g, options_for(g, static_cast<Framework>(f), Target::portable));
    ASSERT_TRUE(files.has_value()) << files.error().message();
    write_package(folder.path(), *files);
    std::string example;
    bool readme = false;
    for (const SourceFile& file : *files) {
      if (file.path.ends_with("main.c") || file.path.ends_with(".ino")) example = file.path;
      readme = readme || file.path == "README.md";
    }
    EXPECT_TRUE(readme);
    ASSERT_FALSE(example.empty());
    // An Arduino sketch and an ESP-IDF application have another main: a few lines of the framework stand in.
    std::string main = "#include <stdio.h>\n";
    if (example.ends_with(".ino")) {
      main =
          "#include <cstdio>\nunsigned long micros() { return 0; }\nvoid delay(int) {}\nbool wrong = false;\nstruct S "
          "{ void begin(long) {} void print(const char* s) { wrong = s[0] != 'o'; } "
          "void print(unsigned long) {} void println(const char*) {} } Serial;\n#include \"" +
          example + "\"\nint main() { setup(); loop(); return wrong; }\n";
      ASSERT_TRUE(write_file(folder.path() / "main.cpp", as_bytes(main)));
      example = "main.cpp";
    } else if (framework_names()[f] == "esp-idf") {
      ASSERT_TRUE(write_file(folder.path() / "main.c",
                             as_bytes("#include \"" + example + "\"\nint main(void) { return check(); }\n")));
      example = "main.c";
    }
    const std::string path = folder.path().string();
    for (const std::vector<std::string>& command :
         {std::vector<std::string>{"c++", "-std=c++17", "-O1", "-Wall", "-Werror", "-I", path + "/include", "-I",
                                   path + "/src", "-c", path + "/src/small.cpp", "-o", path + "/small.o"},
          {example.ends_with(".c") ? "cc" : "c++", "-Wall", "-I", path + "/include", "-I", path + "/src", "-I", path,
           "-c", path + "/" + example, "-o", path + "/main.o"},
          {"c++", path + "/small.o", path + "/main.o", "-o", path + "/check"},
          {path + "/check"}}) {
      const auto run = run_process(command);
      ASSERT_TRUE(run.has_value());
      ASSERT_EQ(run->exit_code, 0) << run->output << run->diagnostics;
    }
  }
}

TEST(SourcePackage, for_cortex_m4_assembles_and_two_models_link) {
  if (find_program("arm-none-eabi-g++").empty()) GTEST_SKIP() << "arm-none-eabi-g++ is not installed";
  const graph::Graph g = small_model();
  TemporaryFolder folder = *TemporaryFolder::create("export");
  const std::string path = folder.path().string();
  const std::vector<std::string> core{"arm-none-eabi-g++", "-mcpu=cortex-m4",   "-mthumb",
                                      "-mfloat-abi=hard",  "-mfpu=fpv4-sp-d16", "-O2",
                                      "-std=c++17",        "-fno-exceptions",   "-fno-rtti"};
  std::vector<std::string> link = core;
  for (const char* name : {"first", "second"}) {
    SourcePackageOptions o = options_for(g, Framework::cmake, Target::armv7em);
    o.name = name;
    const auto files = source_package(g, o);
    ASSERT_TRUE(files.has_value()) << files.error().message();
    write_package(folder.path() / name, *files);
    for (const std::string& source : {std::string(".cpp"), std::string("_kernels.S")}) {
      std::vector<std::string> command = core;
      const std::string object = path + "/" + name + source + ".o";
      command.insert(command.end(), {"-I", path + "/" + name + "/include", "-I", path + "/" + name + "/src", "-c",
                                     path + "/" + name + "/src/" + name + source, "-o", object});
      const auto run = run_process(command);
      ASSERT_TRUE(run.has_value());
      ASSERT_EQ(run->exit_code, 0) << run->diagnostics;
      link.push_back(object);
    }
  }
  link.insert(link.end(), {"-nostdlib", "-Wl,-r", "-o", path + "/both.o"});
  const auto run = run_process(link);
  ASSERT_TRUE(run.has_value());
  EXPECT_EQ(run->exit_code, 0) << run->diagnostics;
}

TEST(SourcePackage, refuses_names_and_versions_that_are_none) {
  const graph::Graph g = small_model();
  SourcePackageOptions o = options_for(g, Framework::cmake, Target::portable);
  o.name = "a model";
  EXPECT_THAT(source_package(g, o).error().message(), HasSubstr("no name for C functions"));
  o.name = "small";
  o.version = "1.0";
  EXPECT_THAT(source_package(g, o).error().message(), HasSubstr("no semantic version"));
  EXPECT_EQ(c_name("kws-1.tflite"), "kws_1_tflite");
  EXPECT_EQ(c_name("1st"), "model_1st");
  EXPECT_EQ(c_name(""), "model");
}

}  // namespace
}  // namespace mote::compile
