#include "../signaller.h"
#include "kill_signaller.h"

namespace freeze_state {

Signaller& systemSignaller() noexcept {
  static KillSignaller& only = *new KillSignaller();
  return only;
}

}  // namespace freeze_state
