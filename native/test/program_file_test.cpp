#include "../core/os/program_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace freeze_state::test {

TEST_SUITE("a file that may be executed") {
  TEST_CASE("its mode is told, and that of no other file") {
    const std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("freeze-state-program-" + std::to_string(getpid()));
    std::filesystem::create_directory(folder);
    const std::string file = folder / "program";
    std::ofstream(file) << "#!/bin/sh\n";
    for (const mode_t mode : {0755U, 0700U, 0644U}) {
      REQUIRE(chmod(file.c_str(), mode) == 0);
      CHECK(executableMode(file.c_str()) == (mode == 0644U ? -1 : static_cast<int>(S_IFREG | mode)));
    }
    const std::string link = folder / "link";
    std::filesystem::create_symlink("/bin/sh", link);
    CHECK(executableMode(link.c_str()) == executableMode("/bin/sh"));
    CHECK(executableMode("/bin/sh") > 0);
    for (const char* const other : {"/", "/dev/null", "/no/such/file", ""}) CHECK(executableMode(other) == -1);
    std::filesystem::remove_all(folder);
  }
}

}  // namespace freeze_state::test
