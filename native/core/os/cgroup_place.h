#pragma once

#include <string>

namespace freeze_state {

/// Which control group mode `Cgroup` freezes. Neither: one that is made under our own.
struct CgroupPlace {
  std::string path;    ///< of one that exists; stays when we close
  std::string parent;  ///< one is made under this, and removed when we close
};

}  // namespace freeze_state
