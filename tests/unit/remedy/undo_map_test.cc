#include "common/remedy/undo_map.h"

#include <string>

#include <catch2/catch.hpp>

namespace heal::remedy {
namespace {

using Map = UndoMap<std::string, int>;

TEST_CASE("a rollback gives back what stood before the first change") {
  Map map;
  map.put("kept", 1);
  map.put("changed", 2);
  map.put("erased", 3);
  map.commit();

  *map.edit("changed") = 20;
  map.put("changed", 21);
  map.erase("erased");
  map.put("erased", 30);
  map.erase("erased");
  map.put("new", 4);
  map.rollback();

  CHECK(map.all() == std::map<std::string, int>{{"kept", 1}, {"changed", 2}, {"erased", 3}});
}

TEST_CASE("a commit makes changes final") {
  Map map;
  map.put("a", 1);
  map.commit();
  map.put("b", 2);
  map.erase("a");
  map.commit();
  map.rollback();
  CHECK(map.all() == std::map<std::string, int>{{"b", 2}});
}

TEST_CASE("editing what is not there gives nothing and changes nothing") {
  Map map;
  CHECK(map.edit("x") == nullptr);
  map.rollback();
  CHECK(map.all().empty());
}

}  // namespace
}  // namespace heal::remedy
