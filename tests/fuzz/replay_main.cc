// Stands in for libFuzzer in the ordinary builds: gives every file of the named folders to the target, and as many
// random changes of each as HEAL_FUZZ_CHANGES says. The same ones in every run: HEAL_FUZZ_SEED asks for others, and
// HEAL_FUZZ_TRACE writes each input to the named file before it is given, so that one that breaks something is left
// there.
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <string>

#include <fmt/core.h>

#include "tests/fuzz/property.h"

namespace {

std::uint32_t number(const char* name, std::uint32_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : static_cast<std::uint32_t>(std::stoul(text));
}

void give(const std::string& text) {
  static const char* const trace = std::getenv("HEAL_FUZZ_TRACE");
  if (trace != nullptr) std::ofstream(trace, std::ios::binary | std::ios::trunc) << text;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

/// What text parsers trip over, beside random bytes.
constexpr const char* kOdd[] = {"\"",
                                "{",
                                "}",
                                "[",
                                "]",
                                ":",
                                "\\",
                                "\n",
                                "\r\n",
                                "\t",
                                "%",
                                "-1",
                                "99999999999999999999",
                                "\xff",
                                "\xc3",
                                "\xe2\x80",
                                "\xf0\x9f\x98\x80",
                                "0x",
                                "1e999",
                                "&a",
                                "*a",
                                "\\u0000",
                                "{{",
                                "}}"};

class Changer {
 public:
  explicit Changer(std::uint32_t seed) : random_(seed) {}

  /// One to four changes; `other` is where pieces are taken from.
  std::string change(std::string text, const std::string& other) {
    for (std::size_t i = 1 + below(4); i > 0; --i)
      change_once(text, other);
    return text;
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  void change_once(std::string& text, const std::string& other) {
    const std::size_t at = below(text.size() + 1);
    const std::size_t piece = 1 + below(16);
    switch (below(6)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(random_());
        return;
      case 1:
        text.erase(at, piece);
        return;
      case 2:
        text.insert(at, kOdd[below(std::size(kOdd))]);
        return;
      case 3:
        text.insert(at, text.substr(below(text.size()), piece));
        return;
      case 4:
        text.insert(at, other.substr(below(other.size()), piece * 4));
        return;
      default:
        text.resize(at);
    }
  }

  std::mt19937 random_;
};

int replay(int count, char** folders) {
  std::map<std::string, std::string> files;
  for (int i = 1; i < count; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(folders[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      files[entry.path()] = std::string{std::istreambuf_iterator<char>(file), {}};
    }
  }
  if (files.empty()) return 1;
  for (const auto& [name, text] : files)
    give(text);
  const std::uint32_t changes = number("HEAL_FUZZ_CHANGES", 500);
  Changer changer(number("HEAL_FUZZ_SEED", 1));
  auto other = files.begin();
  for (const auto& [name, text] : files) {
    for (std::uint32_t i = 0; i < changes; ++i) {
      if (++other == files.end()) other = files.begin();
      give(changer.change(text, other->second));
    }
  }
  fmt::print("{} inputs, and {} changes of each\n", files.size(), changes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return replay(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 1;
  }
}
