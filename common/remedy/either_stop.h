#pragma once

#include <stop_token>
#include <utility>

namespace heal::remedy {

/// A token that is stopped when either of two others is.
class EitherStop {
 public:
  EitherStop(const std::stop_token& a, const std::stop_token& b)
      : on_a_(a, Forward{&source_}), on_b_(b, Forward{&source_}) {}
  EitherStop(const EitherStop&) = delete;
  EitherStop& operator=(const EitherStop&) = delete;

  std::stop_token token() const { return source_.get_token(); }

 private:
  struct Forward {
    std::stop_source* source;
    void operator()() const { source->request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<Forward> on_a_, on_b_;
};

}  // namespace heal::remedy
