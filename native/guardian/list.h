#pragma once

#include <cstddef>
#include <cstdlib>
#include <type_traits>

namespace freeze_state::guardian {

// NOLINTBEGIN(cppcoreguidelines-no-malloc)

/// A list that grows. `std::vector` would bring along the exceptions of the C++ library, which are larger than all of
/// the rest.
template <typename T>
class List {
 public:
  static_assert(std::is_trivially_copyable_v<T>);
  List() = default;
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  ~List() { std::free(items_); }

  T* begin() noexcept { return items_; }
  T* end() noexcept { return items_ + size_; }
  std::size_t size() const noexcept { return size_; }
  void clear() noexcept { size_ = 0; }
  /// False where there is no memory.
  bool add(const T& item) noexcept {
    if (size_ == room_) {
      const std::size_t room = room_ == 0 ? kFirst : 2 * room_;
      void* const items = std::realloc(items_, room * sizeof(T));
      if (items == nullptr) return false;
      items_ = static_cast<T*>(items);
      room_ = room;
    }
    items_[size_++] = item;
    return true;
  }

 private:
  static constexpr std::size_t kFirst = 256;
  T* items_ = nullptr;
  std::size_t size_ = 0;
  std::size_t room_ = 0;
};

// NOLINTEND(cppcoreguidelines-no-malloc)

}  // namespace freeze_state::guardian
