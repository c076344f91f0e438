# What node-gyp takes from the common.gypi among Node's headers, as far as this addon needs it. scripts/node-gyp.mjs puts
# it beside the headers of node-api-headers, which have none.
{
  "target_defaults": {
    "default_configuration": "Release",
    "configurations": {
      "Debug": {"defines": ["DEBUG", "_DEBUG"], "cflags": ["-g", "-O0"]},
      "Release": {"cflags": ["-O3", "-fno-omit-frame-pointer"]},
    },
    "cflags": ["-pthread", "-Wall", "-Wextra", "-Wno-unused-parameter"],
    "cflags_cc": ["-fno-rtti", "-fno-exceptions"],
    "ldflags": ["-pthread", "-rdynamic"],
  },
}
