#pragma once

#include <string>

namespace freeze_state {

/// Which control group mode `Cgroup` freezes: an external one, or an owned one. With neither field it is an owned one
/// under our own cgroup.
struct CgroupPlace {
  std::string path;    ///< of the external one, which stays when we close
  std::string parent;  ///< the owned one is made under this, and removed when we close
};

}  // namespace freeze_state
