{
  "targets": [
    {
      "target_name": "freeze_state",
      "sources": [
        "native/binding/addon.cpp",
        "native/binding/attachment.cpp",
        "native/binding/values.cpp",
        "native/binding/hot_calls.cpp",
        "native/binding/state_handle.cpp",
        "native/core/live_states.cpp",
        "native/core/freeze_state.cpp",
        "native/core/member_list.cpp",
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=8", "NAPI_DISABLE_CPP_EXCEPTIONS", "NODE_ADDON_API_DISABLE_DEPRECATED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "cflags": ["-Wall", "-Wextra", "-fvisibility=hidden"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20"],
      "xcode_settings": {"CLANG_CXX_LANGUAGE_STANDARD": "c++20", "MACOSX_DEPLOYMENT_TARGET": "11.0"},
      "msvs_settings": {"VCCLCompilerTool": {"AdditionalOptions": ["/std:c++20"]}},
      "conditions": [
        ["OS=='linux'", {
          "sources": [
            "native/core/linux/pidfd_signaller.cpp",
            "native/core/linux/proc.cpp",
            "native/core/linux/start_time_signaller.cpp",
            "native/core/linux/system_signaller.cpp",
            "native/core/posix/kill_signaller.cpp",
            "native/core/posix/signal_loop.cpp",
          ],
        }],
        ["OS=='win'", {
          "sources": ["native/core/other/system_signaller.cpp"],
        }],
        ["OS!='linux' and OS!='win'", {
          "sources": [
            "native/core/posix/kill_signaller.cpp",
            "native/core/posix/signal_loop.cpp",
            "native/core/posix/system_signaller.cpp",
          ],
        }],
      ],
    },
  ],
}
