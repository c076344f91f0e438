#include "../file_descriptor.h"

#include <unistd.h>

namespace freeze_state {

/// Once, also where a signal interrupts it: on Linux the number is free by then, and may be another file's (close(2),
/// "Dealing with error returns from close()").
void FileDescriptor::close(int number) noexcept { ::close(number); }

}  // namespace freeze_state
