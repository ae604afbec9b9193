#pragma once

#include <string>
#include <vector>

#include "common/wire/json.h"

namespace heal::test {

/// What of `value` is not as `schema` says, each with its place; empty when all is. Knows what our OpenAPI document
/// uses: type, nullable, enum, properties, required, additionalProperties, items, allOf and references into `document`.
std::vector<std::string> schema_problems(const Json& document, const Json& schema, const Json& value);

/// The same of an answer to `method` of the path `target` (with or without a query): whether the document has such an
/// operation, status and content type, and the JSON body's schema.
std::vector<std::string> answer_problems(const Json& document, const std::string& method, const std::string& target,
                                         int status, const std::string& content_type, const std::string& body);

}  // namespace heal::test
