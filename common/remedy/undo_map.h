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
    auto it = values_.lower_bound(key);
    const bool is_there = it != values_.end() && it->first == key;
    remember(key, is_there ? &it->second : nullptr);
    if (!is_there) return values_.emplace_hint(it, key, std::move(value))->second;
    return it->second = std::move(value);
  }
  void erase(const Key& key) {
    auto it = values_.find(key);
    if (it == values_.end()) return;
    remember(key, &it->second);
    values_.erase(it);
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
  /// `before`: nullptr when there is none.
  void remember(const Key& key, const Value* before) {
    auto it = undo_.lower_bound(key);
    if (it != undo_.end() && it->first == key) return;
    undo_.emplace_hint(it, key, before == nullptr ? std::nullopt : std::optional<Value>(*before));
  }

  std::map<Key, Value> values_;
  std::map<Key, std::optional<Value>> undo_;
};

}  // namespace heal::remedy
