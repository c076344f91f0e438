#include "group_control.h"
#include "process_table.h"
#include "unique_id_control.h"

// Apart from what they give, which a test compiles on Linux.

namespace freeze_state {

ProcessControl& systemControl() noexcept {
  static UniqueIdControl& only = *new UniqueIdControl();
  return only;
}

GroupControl& systemGroupControl() noexcept {
  static DarwinGroupControl& only = *new DarwinGroupControl(systemControl());
  return only;
}

ProcessTable& systemTable() noexcept {
  static DarwinProcessTable& only = *new DarwinProcessTable();
  return only;
}

}  // namespace freeze_state
