#include "../exit_watch.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "pidfd.h"

namespace freeze_state {

namespace {

/// A pidfd is readable from the exit of its process on (pidfd_open(2)).
class PidfdWatch final : public ExitWatch {
 public:
  explicit PidfdWatch(std::function<void()> allGone) : allGone_(std::move(allGone)) {}
  PidfdWatch(const PidfdWatch&) = delete;
  PidfdWatch& operator=(const PidfdWatch&) = delete;

  ~PidfdWatch() override {
    if (isRunning_) {
      const std::uint64_t one = 1;
      [[maybe_unused]] const auto written = write(stop_, &one, sizeof one);
      pthread_join(thread_, nullptr);
    }
    for (const int fd : open_) close(fd);
    if (stop_ >= 0) close(stop_);
    if (epoll_ >= 0) close(epoll_);
  }

  bool begin(const std::vector<Pid>& pids) {
    epoll_ = epoll_create1(EPOLL_CLOEXEC);
    stop_ = eventfd(0, EFD_CLOEXEC);
    if (epoll_ < 0 || stop_ < 0 || !add(stop_)) return false;
    for (const Pid pid : pids) {
      const int fd = pidfd::open(pid);
      if (fd < 0 && errno == ESRCH) continue;
      if (fd < 0) return false;
      open_.push_back(fd);
      if (!add(fd)) return false;
    }
    return start();
  }

 private:
  bool add(int fd) const noexcept {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.fd = fd;
    return epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  bool start() noexcept {
    // All signals are blocked in it, so that none of the program's handlers runs there.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    isRunning_ = pthread_create(&thread_, nullptr, runIn, this) == 0;
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return isRunning_;
  }

  static void* runIn(void* self) {
    pthread_setname_np(pthread_self(), "freeze-exits");
    static_cast<PidfdWatch*>(self)->run();
    return nullptr;
  }

  void run() const {
    for (std::size_t left = open_.size(); left > 0;) {
      epoll_event event{};
      const int count = epoll_wait(epoll_, &event, 1, -1);
      if (count < 0 && errno == EINTR) continue;
      if (count != 1 || event.data.fd == stop_) return;
      --left;
    }
    allGone_();
  }

  std::function<void()> allGone_;
  std::vector<int> open_;  ///< a pidfd for each; not touched while the thread runs
  int epoll_ = -1;
  int stop_ = -1;  ///< an eventfd, which ends the thread
  pthread_t thread_{};
  bool isRunning_ = false;
};

}  // namespace

std::unique_ptr<ExitWatch> ExitWatch::begin(const std::vector<Pid>& pids, std::function<void()> allGone) {
  auto watch = std::make_unique<PidfdWatch>(std::move(allGone));
  if (!watch->begin(pids)) return nullptr;
  return watch;
}

}  // namespace freeze_state
