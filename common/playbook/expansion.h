#pragma once

// How places are filled in where the surrounding text has a meaning of its own; of no use outside of this folder.

#include <string>

#include "common/base/result.h"
#include "common/playbook/heal_config.h"
#include "common/playbook/text_template.h"
#include "common/playbook/values.h"

namespace heal::playbook {

/// A URL. A value may be the whole URL, a host or host:port, or a part of the path or query; there it is
/// percent-encoded. In the path it must be (a part of) one segment: no slash, no backslash, no `.` or `..`, also not as
/// %2F and the like, because servers decode before they merge.
Result<std::string> expand_url(const Template& text, const Scope& scope);

/// A DNS name, as a whole.
Result<std::string> expand_dns_name(const Template& text, const Scope& scope);

/// A query: a value must not hold a quote or a backslash, by which it could leave its string.
Result<std::string> expand_query(const Template& text, const Scope& scope);

/// JSON: a place must stand inside of a string; its value is escaped.
Result<std::string> expand_json(const Template& text, const Scope& scope);

/// One element of argv: a value that begins with a dash is refused where it would be the beginning of the element.
Result<std::string> expand_argument(const Template& text, const Scope& scope);

/// A scalar argument as its type.
Result<ArgumentValue> expand_typed(const Template& text, const TypeSpec& type, const Scope& scope);

/// kRefused when neither the host nor host:port of `url` is under `allow.hosts`.
Status check_host_allowed(const AllowLists& allow, const std::string& url);
/// The same for `host:port`.
Status check_address_allowed(const AllowLists& allow, const std::string& address);

/// True when a place of `text` is filled from the event or from params: from somebody who is not the operator of the
/// target.
bool is_from_event(const Template& text);

}  // namespace heal::playbook
