// Runs a fuzz target over every file of the folders named on the command line, and over each file's
// prefixes, so that the committed corpus is a regression test where there is no libFuzzer.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream in(entry.path(), std::ios::binary);
      const std::vector<char> content((std::istreambuf_iterator<char>(in)), {});
      // A copy of exact size for each prefix, so that AddressSanitizer sees a read past its end.
      const size_t step = content.size() / 256 + 1;
      for (size_t size = 0; size < content.size(); size += step) {
        const std::vector<uint8_t> prefix(content.begin(),
                                          content.begin() + static_cast<long>(size));
        LLVMFuzzerTestOneInput(prefix.data(), prefix.size());
      }
      const std::vector<uint8_t> whole(content.begin(), content.end());
      LLVMFuzzerTestOneInput(whole.data(), whole.size());
      ++files;
    }
  }
  std::printf("%zu files replayed\n", files);
  return files == 0 ? 1 : 0;
}
