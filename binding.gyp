# The addon is described in native/binding.gyp. This file is for node-gyp in the repository and is not packed: npm, pnpm
# and yarn compile every package that has a binding.gyp at its root, wanted or not.
{"includes": ["native/binding.gyp"]}
