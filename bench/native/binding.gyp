{
  "targets": [
    {
      "target_name": "floor",
      "sources": ["floor.cpp"],
      "defines": ["NAPI_VERSION=8"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": ["-std=c++20", "-O3"],
    },
  ],
}
