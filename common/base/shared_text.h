#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace heal {

/// A text that nobody changes and whose copies share it: for what is large and held by many. Copying is thread-safe.
class SharedText {
 public:
  SharedText() = default;
  SharedText(std::string text)  // NOLINT(google-explicit-constructor): as a std::string it is assigned from one
      : text_(std::make_shared<const std::string>(std::move(text))) {}
  /// Shares `text`; null: "".
  explicit SharedText(std::shared_ptr<const std::string> text) : text_(std::move(text)) {}

  bool empty() const { return view().empty(); }
  std::size_t size() const { return view().size(); }
  /// Valid as long as a copy of this.
  const char* data() const { return view().data(); }
  std::string_view view() const { return text_ ? std::string_view(*text_) : std::string_view(); }

 private:
  std::shared_ptr<const std::string> text_;
};

}  // namespace heal
