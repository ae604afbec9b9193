#pragma once

#include <memory>
#include <optional>

#include <curl/curl.h>

#include "common/base/time.h"

// What the adapters that drive libcurl have in common.

namespace heal {

using EasyHandle = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;

/// How long a transfer is left alone before its deadline is looked at again.
inline constexpr Duration kLongestWait = 1s;

/// The result of the only transfer of `multi`, once it is over.
inline std::optional<CURLcode> result_of(CURLM* multi) {
  int left = 0;
  for (const CURLMsg* message = curl_multi_info_read(multi, &left); message != nullptr;
       message = curl_multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  return std::nullopt;
}

}  // namespace heal
