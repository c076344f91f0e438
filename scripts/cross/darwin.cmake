# What CMake knows of macOS, changed for Zig's linker, which makes no bundles. dlopen(3) loads a library as well.
set(CMAKE_SHARED_MODULE_CREATE_CXX_FLAGS "-shared -Wl,-headerpad_max_install_names")
