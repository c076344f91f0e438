#include "../processor.h"

namespace freeze_state::processor {

// By the compiler: POSIX has no call for it.
void pause() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  // `yield` is meant for this, but most of these processors do nothing for it. `isb` takes about as long as the
  // instruction above.
  __asm__ volatile("isb" ::: "memory");
#endif
}

}  // namespace freeze_state::processor
