#include "mote/compile/compile.hpp"

#include <gtest/gtest.h>

namespace mote::compile {
namespace {
TEST(Compile, placeholder_is_replaced) { SUCCEED(); }
}  // namespace
}  // namespace mote::compile
