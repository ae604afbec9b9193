#pragma once

#include <memory>

#include "common/sim/memory_store.h"
#include "common/system/sqlite_store.h"
#include "tests/support/temp_folder.h"

namespace heal::test {

struct InMemory {
  std::unique_ptr<Store> store = std::make_unique<MemoryStore>();
};
struct OnDisk {
  TempFolder folder;
  std::unique_ptr<Store> store = SqliteStore::open(folder.path() / "store").value();
};

}  // namespace heal::test
