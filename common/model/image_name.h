#pragma once

#include <string_view>

namespace heal {

/// Whether two names of images stand for versions of one: equal but for tag and digest, as before and after an upgrade.
/// `registry:5000/promheal:1` and `registry:5000/promheal@sha256:…` do. An image's id is only the same as itself, no
/// name as nothing.
bool is_same_repository(std::string_view image, std::string_view other);

}  // namespace heal
