#pragma once

/// SIGCHLD for each stop and continue of a child: a thing of the process, since a signal has one disposition in it.
///
/// Such a notice interrupts the loop that sends the signals, and makes libuv ask `waitpid` about every child it has.
/// SA_NOCLDSTOP (sigaction(2)) ends that, and leaves the notices of exits.
namespace freeze_state::child_stops {

/// Whether the program wants the notices; at first it does not. From any thread.
bool areWanted() noexcept;

/// From now on, in every thread. Wanting them takes the flag off at once where `quiet` has set it. From any thread.
void want(bool yes) noexcept;

/// Before a loop of signals, unless the program wants the notices: sets the flag on whatever handler stands. It stays
/// set, because a stop is noticed after the signal was sent. libuv sets its handler anew whenever it begins to watch
/// children, so this checks before each loop. One atomic load and one system call where it is set.
void quiet() noexcept;

}  // namespace freeze_state::child_stops
