#include "../processor.h"

#if defined(_M_ARM64)
#include <intrin.h>
#elif defined(_M_X64) || defined(__x86_64__)
#include <immintrin.h>
#endif

namespace freeze_state::processor {

void pause() noexcept {
#if defined(_M_ARM64)
  __yield();
#elif defined(_M_X64) || defined(__x86_64__)
  _mm_pause();
#endif
}

}  // namespace freeze_state::processor
