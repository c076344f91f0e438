#include <doctest/doctest.h>

#include <cerrno>
#include <cstddef>

#include "../core/os/linux/process_files.h"
#include "../core/os/linux/procfs.h"
#include "support/child.h"
#include "support/descriptors.h"
#include "support/faults.h"

namespace freeze_state::test {

TEST_SUITE("faults of files that are kept open") {
  TEST_CASE("a read that a signal interrupts is made again, and the file stays open") {
    const Child child;
    ProcessFiles files(child.pid());
    ProcessEntry entry;
    REQUIRE(files.read(entry) == 0);
    Faults faults;
    faults.begin({"pread", 1, EINTR});
    CHECK(files.read(entry) == 0);
    CHECK(faults.counts().at("pread") == 2);
    CHECK_FALSE(faults.counts().contains("open stat"));
  }

  TEST_CASE("a file that cannot be read is closed, and opened anew") {
    const Child child;
    const std::size_t before = openDescriptors();
    {
      ProcessFiles files(child.pid());
      ProcessEntry entry;
      std::vector<Pid> children;
      REQUIRE(files.read(entry) == 0);
      REQUIRE(files.readChildren(0, children) == 0);
      Faults faults;
      faults.begin({"pread", 1, EIO});
      CHECK(files.read(entry) == 0);
      CHECK(entry.parent == getpid());
      faults.end();
      CHECK(openDescriptors() == before + 1);
      REQUIRE(files.readChildren(0, children) == 0);
      faults.begin({"pread", 1, EIO});
      CHECK(files.readChildren(0, children) == 0);
      faults.end();
      CHECK(openDescriptors() == before + 2);
      CHECK(kept_descriptors::count() == 2);
    }
    CHECK(openDescriptors() == before);
  }
}

TEST_SUITE("what is asked about every process of the system") {
  TEST_CASE("the group of a thread of the kernel is known without a look into /proc") {
    procfs::Numbers all("/proc");
    Pid kernelThread = 0;
    for (Pid pid = 0; kernelThread == 0 && all.next(pid);) {
      if (procfs::isKernelThread(pid)) kernelThread = pid;
    }
    // A container shows none.
    if (kernelThread == 0) return;
    Faults faults;
    faults.begin({"open stat"});
    CHECK(procfs::groupOf(kernelThread) == 0);
    CHECK_FALSE(faults.counts().contains("open stat"));
  }
}

}  // namespace freeze_state::test
