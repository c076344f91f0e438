#pragma once

/// SIGCHLD for each stop and continue of a child. This is a setting of the whole process, in which a signal has one
/// disposition.
///
/// Such a notice interrupts the loop that sends the signals, and makes libuv ask `waitpid` about every child it has.
/// SA_NOCLDSTOP (sigaction(2)) ends that, and leaves the notices of exits.
namespace freeze_state::child_stops {

/// Whether the program wants the notices; at first it does not. From any thread.
bool areWanted() noexcept;

/// Sets whether the program wants the notices, for every thread. Where it does, a flag that `quiet` has set is cleared
/// at once. From any thread.
void want(bool yes) noexcept;

/// Sets SA_NOCLDSTOP on the handler that is installed, unless the program wants the notices. Call it before each loop
/// of signals, since libuv installs its handler anew whenever it begins to watch children. The flag stays set after the
/// loop, because the notice of a stop comes after the signal was sent. Where it is set already this takes one atomic
/// load and one system call.
void quiet() noexcept;

}  // namespace freeze_state::child_stops
