// What the binding has run in the addon of the fuzzers: clang counts into an array how often each of its basic blocks
// does, and this library, which that addon is linked with, shows JavaScript the array. See "inline-8bit-counters" in
// the page SanitizerCoverage of clang's manual.
#include <node_api.h>

#include <cstddef>

namespace {

char* counters = nullptr;
std::size_t count = 0;

}  // namespace

/// The constructor of each source of the binding calls it, all of them with the same array.
extern "C" __attribute__((visibility("default"))) void __sanitizer_cov_8bit_counters_init(char* begin, char* end) {
  counters = begin;
  count = static_cast<std::size_t>(end - begin);
}

/// An ArrayBuffer; empty where the addon was not loaded before.
extern "C" NAPI_MODULE_EXPORT napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value array = exports;
  napi_create_external_arraybuffer(env, counters, count, nullptr, nullptr, &array);
  return array;
}
