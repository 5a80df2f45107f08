#include "mote/base/error.hpp"

#include <cstdio>
#include <cstdlib>

namespace mote {

std::string_view name(Code code) {
  switch (code) {
    case Code::invalid_argument:
      return "invalid_argument";
    case Code::malformed:
      return "malformed";
    case Code::not_found:
      return "not_found";
    case Code::unsupported:
      return "unsupported";
    case Code::too_large:
      return "too_large";
    case Code::io:
      return "io";
    case Code::budget:
      return "budget";
    case Code::cancelled:
      return "cancelled";
    case Code::internal:
      return "internal";
  }
  return "unknown";
}

namespace detail {
void check_failed(const char* file, int line, const char* expression) {
  std::fprintf(stderr, "mote: internal check failed at %s:%d: %s\n", file, line, expression);
  std::abort();
}
}  // namespace detail

}  // namespace mote
