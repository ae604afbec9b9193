#include "common/config/file.h"

#include <catch2/catch.hpp>

#include "tests/support/temp_folder.h"

namespace heal::config {
namespace {

using test::TempFolder;

TEST_CASE("a file is read whole or refused with its name") {
  const TempFolder folder;
  const auto file = folder.write("a.yml", "x: 1\n");
  REQUIRE(read_text_file(file).value() == "x: 1\n");
  REQUIRE(read_text_file(file, 4).error().str() == file + ": larger than 4 bytes");
  REQUIRE(read_text_file(folder.path()).error().str() == folder.path().string() + ": is a folder (expected a file)");
  const auto missing = read_text_file(folder.file("none")).error();
  REQUIRE(missing.code() == ErrorCode::kNotFound);
  REQUIRE(missing.str() == folder.file("none") + ": no such file or directory");
  REQUIRE(read_text_file("/dev/zero").error().str() == "/dev/zero: is not a regular file");
}

TEST_CASE("patterns name files, folders and globs, sorted and once") {
  const TempFolder folder;
  const auto a = folder.write("p/a.yml", "");
  const auto b = folder.write("p/b.yaml", "");
  folder.write("p/c.txt", "");
  folder.write("p/.hidden.yml", "");
  const auto d = folder.write("q1/d.yml", "");
  const auto e = folder.write("q2/d.yml", "");
  const auto expand = [&](std::vector<std::string> patterns) { return expand_paths(patterns, folder.path()).value(); };
  REQUIRE(expand({"p/a.yml"}) == std::vector<std::string>{a});
  REQUIRE(expand({"p/*.y*ml"}) == std::vector<std::string>{a, b});
  REQUIRE(expand({"q?/*.yml"}) == std::vector<std::string>{d, e});
  REQUIRE(expand({"p/b.yaml", "p/*.yaml", b}) == std::vector<std::string>{b});
  REQUIRE(expand({"none/*.yml"}).empty());
  REQUIRE(expand_paths({"none.yml"}, folder.path()).error().str() ==
          folder.file("none.yml") + ": no such file or folder");
}

TEST_CASE("a folder stands for its YAML files") {
  const TempFolder folder;
  const auto a = folder.write("p/a.yml", "");
  const auto b = folder.write("p/b.yaml", "");
  folder.write("p/c.txt", "");
  REQUIRE(expand_paths({"p"}, folder.path()).value() == std::vector<std::string>{a, b});
}

TEST_CASE("a secret is read from its file without the line end") {
  const TempFolder folder;
  folder.write("secret", "hunter2\r\n");
  folder.write("empty", "\n");
  REQUIRE(load_secret({"", "secret"}, folder.path()).value() == "hunter2");
  REQUIRE(load_secret({"inline", ""}, "").value() == "inline");
  REQUIRE(load_secret({"", "empty"}, folder.path()).error().str() == "empty: is empty (expected a secret)");
  REQUIRE(load_secret({}, "").error().str() == "no secret is given");
}

TEST_CASE("relative names start at the folder of the file that names them") {
  REQUIRE(folder_of("/etc/heal/heal.yml") == "/etc/heal");
  REQUIRE(folder_of("heal.yml") == ".");
  REQUIRE(resolve_path("a/b", "/etc") == "/etc/a/b");
  REQUIRE(resolve_path("/a/b", "/etc") == "/a/b");
  REQUIRE(resolve_path("a", ".") == "a");
}

}  // namespace
}  // namespace heal::config
