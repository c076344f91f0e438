#include "../exit_watch.h"

#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "../file_descriptor.h"
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
      [[maybe_unused]] const auto written = write(stop_.get(), &one, sizeof one);
      pthread_join(thread_, nullptr);
    }
  }

  bool begin(const std::vector<Pid>& pids) {
    epoll_.reset(epoll_create1(EPOLL_CLOEXEC));
    stop_.reset(eventfd(0, EFD_CLOEXEC));
    if (!epoll_.isOpen() || !stop_.isOpen() || !add(stop_)) return false;
    for (const Pid pid : pids) {
      FileDescriptor process(pidfd::open(pid));
      if (!process.isOpen() && errno == ESRCH) continue;
      if (!process.isOpen()) return false;
      open_.push_back(std::move(process));
      if (!add(open_.back())) return false;
    }
    return start();
  }

 private:
  bool add(const FileDescriptor& file) const noexcept {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLONESHOT;
    event.data.fd = file.get();
    return epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, file.get(), &event) == 0;
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
      const int count = epoll_wait(epoll_.get(), &event, 1, -1);
      if (count < 0 && errno == EINTR) continue;
      if (count != 1 || event.data.fd == stop_.get()) return;
      --left;
    }
    allGone_();
  }

  std::function<void()> allGone_;
  std::vector<FileDescriptor> open_;  ///< a pidfd for each; not touched while the thread runs
  FileDescriptor epoll_;
  FileDescriptor stop_;  ///< an eventfd, which ends the thread
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
