#pragma once

#include <string>

namespace freeze_state {

/// The file that this code was loaded from, as dlopen(3) was given it; dladdr(3). A bundler may have moved and renamed
/// it, so no code outside of it knows. Empty where the system cannot tell.
std::string ownFile();

}  // namespace freeze_state
