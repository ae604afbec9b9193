#include "common/model/image_name.h"

namespace heal {
namespace {

/// Without tag and digest; an id, which has no name before its colon, as it is.
std::string_view repository_of(std::string_view image) {
  if (image.starts_with("sha256:")) return image;
  image = image.substr(0, image.find('@'));
  const auto slash = image.rfind('/');
  return image.substr(0, image.find(':', slash == std::string_view::npos ? 0 : slash));
}

}  // namespace

bool is_same_repository(std::string_view image, std::string_view other) {
  const std::string_view repository = repository_of(image);
  return !repository.empty() && repository == repository_of(other);
}

}  // namespace heal
