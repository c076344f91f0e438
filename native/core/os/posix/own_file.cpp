#include "../own_file.h"

#include <dlfcn.h>

namespace freeze_state {

std::string ownFile() {
  static const char here = 0;
  Dl_info info{};
  return dladdr(&here, &info) == 0 || info.dli_fname == nullptr ? std::string() : info.dli_fname;
}

}  // namespace freeze_state
