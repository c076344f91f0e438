#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../core/os/linux/ledger.h"
#include "support/child.h"
#include "support/describe.h"
#include "support/descriptors.h"

namespace freeze_state::test {

namespace {

using ledger::ProcessSlot;

/// A ledger, and its file as the guardian reads it.
class Mapped {
 public:
  Mapped() {
    Failure why{};
    all = MappedLedger::make(file, why);
    REQUIRE(all);
    view_ = mmap(nullptr, ledger::kSize, PROT_READ, MAP_SHARED, file.get(), 0);
    REQUIRE(view_ != MAP_FAILED);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() { munmap(view_, ledger::kSize); }

  const ledger::Header& header() const { return at<ledger::Header>(0); }
  const ProcessSlot& process(std::size_t i) const { return (&at<ProcessSlot>(ledger::kProcessesAt))[i]; }
  const ledger::CgroupSlot& cgroup() const { return at<ledger::CgroupSlot>(ledger::kCgroupsAt); }
  const ledger::TagSlot& tag() const { return at<ledger::TagSlot>(ledger::kTagsAt); }

  LedgerEntry enter(Pid pid) {
    return all->enter({.kind = LedgerIdentity::Kind::Process, .number = pid, .startTime = 7});
  }

  FileDescriptor file;
  std::unique_ptr<MappedLedger> all;

 private:
  template <typename Part>
  const Part& at(std::size_t offset) const {
    return *reinterpret_cast<const Part*>(static_cast<const std::byte*>(view_) + offset);
  }

  void* view_ = nullptr;
};

using Clock = std::chrono::steady_clock;
constexpr Clock::duration kLongestWait = std::chrono::seconds(1);

template <typename Work>
Clock::duration timeOf(Work work) {
  const auto begin = Clock::now();
  work();
  return Clock::now() - begin;
}

/// Whether this process has the memory of a ledger.
bool hasLedgerMapped() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    if (line.find("freeze-state-ledger") != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_SUITE("the ledger in shared memory") {
  TEST_CASE("a reader of the file sees a process's identity, and its mark from mark to clear") {
    Mapped mapped;
    LedgerEntry entry = mapped.all->enter(
        {.kind = LedgerIdentity::Kind::Group, .number = 101, .session = 100, .startTime = 7, .inode = 8});
    const ProcessSlot& slot = mapped.process(0);
    CHECK(mapped.header().version == ledger::kVersion);
    CHECK(mapped.header().processes == 1);
    CHECK(slot.kind == ProcessSlot::Kind::Group);
    CHECK(slot.number == 101);
    CHECK(slot.session == 100);
    CHECK(slot.startTime == 7);
    CHECK(slot.inode == 8);
    CHECK(slot.mark == 0);
    entry.mark();
    CHECK(slot.mark != 0);
    entry.clear();
    CHECK(slot.mark == 0);
  }

  TEST_CASE("a slot that was freed has no mark, and the next entry takes it") {
    Mapped mapped;
    LedgerEntry first = mapped.enter(101);
    const LedgerEntry second = mapped.enter(102);
    first.mark();
    first = {};
    CHECK(mapped.process(0).kind == ProcessSlot::Kind::Free);
    CHECK(mapped.process(0).mark == 0);
    const LedgerEntry third = mapped.enter(103);
    CHECK(mapped.process(0).number == 103);
    CHECK(mapped.process(1).number == 102);
    CHECK(mapped.header().processes == 2);
  }

  TEST_CASE("an entry that is kept stays as it is when its owner is destroyed") {
    Mapped mapped;
    LedgerEntry entry = mapped.enter(101);
    entry.mark();
    entry.keep();
    entry = {};
    CHECK(mapped.process(0).number == 101);
    CHECK(mapped.process(0).mark != 0);
  }

  TEST_CASE("an entry that is kept to be continued stays marked, and the guardian does not kill what it stands for") {
    Mapped mapped;
    const LedgerIdentity identity{.kind = LedgerIdentity::Kind::Process, .number = 101, .startTime = 7};
    LedgerEntry process = mapped.all->ending()->enter(identity);
    LedgerEntry cgroup = mapped.all->ending()->enter(LedgerCgroup{.path = "/group"});
    for (LedgerEntry* entry : {&process, &cgroup}) {
      entry->mark();
      entry->keepToContinue();
      *entry = {};
    }
    CHECK(mapped.process(0).number == 101);
    CHECK(mapped.process(0).mark != 0);
    CHECK(mapped.process(0).endsWithUs == 0);
    CHECK(mapped.cgroup().isUsed != 0);
    CHECK(mapped.cgroup().mark != 0);
    CHECK(mapped.cgroup().endsWithUs == 0);
  }

  TEST_CASE("a process that cannot be told from the next one with its pid is not entered") {
    Mapped mapped;
    CHECK(mapped.all->enter({.kind = LedgerIdentity::Kind::Process, .number = 101}).isEmpty());
    CHECK(mapped.all->enter(LedgerIdentity{}).isEmpty());
    CHECK(mapped.header().processes == 0);
  }

  TEST_CASE("what is entered by the view for endings is to end with us, and what is entered by the ledger is not") {
    Mapped mapped;
    const LedgerIdentity identity{.kind = LedgerIdentity::Kind::Process, .number = 101, .startTime = 7};
    {
      const LedgerEntry process = mapped.all->ending()->enter(identity);
      const LedgerEntry cgroup = mapped.all->ending()->enter(LedgerCgroup{.path = "/group"});
      CHECK(mapped.process(0).endsWithUs != 0);
      CHECK(mapped.cgroup().endsWithUs != 0);
    }
    CHECK(mapped.process(0).endsWithUs == 0);
    const LedgerEntry process = mapped.all->enter(identity);
    const LedgerEntry cgroup = mapped.all->enter(LedgerCgroup{.path = "/group"});
    CHECK(mapped.process(0).endsWithUs == 0);
    CHECK(mapped.cgroup().endsWithUs == 0);
  }

  TEST_CASE("a control group is entered with its path, unless that is too long") {
    Mapped mapped;
    CHECK(mapped.all->enter(LedgerCgroup{.path = std::string(PATH_MAX, 'p')}).isEmpty());
    CHECK(mapped.cgroup().isUsed == 0);
    {
      const LedgerEntry entry = mapped.all->enter({.path = "/a/group", .inode = 9, .isOwned = true});
      CHECK(mapped.cgroup().isUsed != 0);
      CHECK(mapped.cgroup().path.data() == std::string_view("/a/group"));
      CHECK(mapped.cgroup().inode == 9);
      CHECK(mapped.cgroup().isOwned != 0);
    }
    CHECK(mapped.cgroup().isUsed == 0);
  }

  TEST_CASE("a tag is entered, unless it is empty or too long, as long as there is room") {
    Mapped mapped;
    CHECK(mapped.all->enterTag("").isEmpty());
    CHECK(mapped.all->enterTag(std::string(sizeof(ledger::TagSlot::tag), 'w')).isEmpty());
    std::vector<LedgerEntry> entries;
    for (std::uint32_t i = 0; i < ledger::kMaxTags; ++i) entries.push_back(mapped.all->enterTag("sandbox"));
    CHECK_FALSE(entries.back().isEmpty());
    CHECK(mapped.tag().tag.data() == std::string_view("sandbox"));
    CHECK(mapped.all->enterTag("one more").isEmpty());
    entries.pop_back();
    CHECK_FALSE(mapped.all->enterTag("in its place").isEmpty());
  }

  TEST_CASE("the file cannot shrink, and a fork has none of its memory") {
    FileDescriptor file;
    Failure why{};
    const auto all = MappedLedger::make(file, why);
    REQUIRE(all);
    CHECK(ftruncate(file.get(), 0) != 0);
    CHECK(errno == EPERM);
    CHECK(hasLedgerMapped());
    CHECK(runInFork([] { return hasLedgerMapped() ? 1 : 0; }) == 0);
  }

  TEST_CASE("a stop waits for a reader, a second at most, and not at all once there is one") {
    Mapped unread;
    CHECK(timeOf([&] { unread.all->awaitReader(); }) >= kLongestWait);
    // The shortest of three, since a loaded machine may delay any one.
    auto shortest = kLongestWait;
    for (int i = 0; i < 3; ++i) {
      Mapped read;
      read.all->endWait();
      shortest = std::min(shortest, timeOf([&] { read.all->awaitReader(); }));
    }
    CHECK(shortest < kLongestWait);
  }

  TEST_CASE("where no descriptor is free there is no ledger, and the reason names the call") {
    const DescriptorLimit limit(DescriptorLimit::none());
    FileDescriptor file;
    Failure why{};
    CHECK(MappedLedger::make(file, why) == nullptr);
    CHECK_FALSE(file.isOpen());
    CHECK(describe({why}) == "GuardianFailed EMFILE");
    CHECK(why.call == std::string_view("memfd_create"));
  }
}

}  // namespace freeze_state::test
