#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

namespace freeze_state::test {

/// One call that a system refuses: the nth of that name answers with the error; where it lasts, each later one as well.
struct Fault {
  std::string call;
  std::size_t nth = 0;
  int error = 0;
  bool isLasting = false;
};

/// Counts the calls of each name, and fails the one that it is told to. Used by one thread.
class Faults {
 public:
  Faults() = default;
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;
  ~Faults() { end(); }

  /// From here to `end` calls count, the first as 1. Those of the C library that fault_calls.cpp wraps count as well.
  void begin(Fault fault);
  void end() noexcept;

  /// 0, or the errno(3) with which this call must answer.
  int answer(std::string_view call);
  const std::map<std::string, std::size_t>& counts() const noexcept { return counts_; }

  /// The object that is between `begin` and `end`; null where none is.
  static Faults* active() noexcept;

 private:
  bool hasBegun_ = false;
  Fault fault_;
  std::map<std::string, std::size_t> counts_;
};

}  // namespace freeze_state::test
