#include "../processor.h"

#include <intrin.h>

namespace freeze_state::processor {

void pause() noexcept {
#if defined(_M_ARM64)
  __yield();
#else
  _mm_pause();
#endif
}

}  // namespace freeze_state::processor
