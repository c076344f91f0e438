#include "../program_file.h"

#include <sys/stat.h>
#include <unistd.h>

namespace freeze_state {

int executableMode(const char* path) noexcept {
  struct stat found{};
  if (stat(path, &found) != 0 || !S_ISREG(found.st_mode) || access(path, X_OK) != 0) return -1;
  return static_cast<int>(found.st_mode);
}

}  // namespace freeze_state
