{
  "target_defaults": {
    "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
    "cflags_cc": ["-std=c++20", "-O3"],
  },
  "targets": [
    {
      "target_name": "floor",
      "sources": ["floor.cpp"],
      "defines": ["NAPI_VERSION=8"],
    },
    {
      # Preloaded into the trials.
      "target_name": "calls",
      "sources": ["calls.cpp"],
      "defines": ["NAPI_VERSION=8"],
    },
    {
      # A program, which the trials freeze.
      "target_name": "stamper",
      "type": "executable",
      "product_extension": "",
      "sources": ["stamper.cpp"],
      "ldflags!": ["-rdynamic"],
    },
  ],
}
