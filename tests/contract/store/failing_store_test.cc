#include "common/sim/failing_store.h"

#include <catch2/catch.hpp>

#include "common/sim/memory_store.h"

namespace heal {
namespace {

TEST_CASE("the n-th commit fails as told and leaves nothing behind") {
  auto memory = std::make_shared<MemoryStore>();
  FailingStore store(memory);
  store.fail_commit(2, Error(ErrorCode::kStorage, "no space left on the disk"));
  CHECK(store.commit({PutValue{"a", "1"}}));
  CHECK(store.commit({}));
  CHECK(store.commit({PutValue{"a", "2"}}).error().str() == "no space left on the disk");
  CHECK(memory->value("a").value() == "1");
  CHECK(store.commit({PutValue{"a", "3"}}));
  CHECK(store.value("a").value() == "3");
  CHECK(store.commits() == 3);
}

TEST_CASE("all commits fail until it is healed") {
  FailingStore store(std::make_shared<MemoryStore>());
  store.fail_all(Error(ErrorCode::kStorage, "gone"));
  CHECK_FALSE(store.commit({PutValue{"a", "1"}}));
  CHECK_FALSE(store.commit({PutValue{"a", "1"}}));
  store.fail_all(std::nullopt);
  CHECK(store.commit({PutValue{"a", "1"}}));
}

TEST_CASE("a crash before a commit loses it, a crash after it does not") {
  struct Crash {};
  const auto when = GENERATE(FailingStore::When::kBefore, FailingStore::When::kAfter);
  auto memory = std::make_shared<MemoryStore>();
  FailingStore store(memory);
  store.on_commit(1, when, [] { throw Crash(); });
  CHECK_THROWS_AS(store.commit({PutValue{"a", "1"}}), Crash);
  CHECK(memory->value("a").value().has_value() == (when == FailingStore::When::kAfter));
}

}  // namespace
}  // namespace heal
