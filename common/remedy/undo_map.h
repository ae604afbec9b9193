#pragma once

#include <map>
#include <optional>
#include <utility>

namespace heal::remedy {

/// A map whose changes since the last commit() can be taken back: the first change of a key remembers what was there.
/// Not thread-safe: the coordinator's thread owns it.
template <typename Key, typename Value>
class UndoMap {
 public:
  const Value* find(const Key& key) const {
    auto it = values_.find(key);
    return it == values_.end() ? nullptr : &it->second;
  }
  /// The value to change; nullptr when there is none.
  Value* edit(const Key& key) {
    auto it = values_.find(key);
    if (it == values_.end()) return nullptr;
    undo_.try_emplace(key, it->second);
    return &it->second;
  }
  Value& put(const Key& key, Value value) {
    remember(key);
    return values_.insert_or_assign(key, std::move(value)).first->second;
  }
  void erase(const Key& key) {
    remember(key);
    values_.erase(key);
  }
  const std::map<Key, Value>& all() const { return values_; }

  /// Makes what changed since the last commit final.
  void commit() { undo_.clear(); }
  /// Takes it all back.
  void rollback() {
    for (auto& [key, before] : undo_) {
      if (before) {
        values_.insert_or_assign(key, std::move(*before));
      } else {
        values_.erase(key);
      }
    }
    undo_.clear();
  }

 private:
  void remember(const Key& key) {
    if (undo_.contains(key)) return;
    auto it = values_.find(key);
    undo_.emplace(key, it == values_.end() ? std::nullopt : std::optional<Value>(it->second));
  }

  std::map<Key, Value> values_;
  std::map<Key, std::optional<Value>> undo_;
};

}  // namespace heal::remedy
