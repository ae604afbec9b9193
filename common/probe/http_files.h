#pragma once

#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/probe/http_request.h"
#include "common/probe/module.h"

namespace heal::probe {

// What an http module keeps in files and is read anew for every probe. Relative names are relative to the working
// directory, as blackbox_exporter's are.

/// The Authorization value of a module's credentials; "" for none.
Result<std::string> authorization_of(const Credentials& credentials);
/// A request's body, at most 16 MiB; an empty file is an empty body.
Result<std::string> read_body_file(const std::string& path);
/// The values of `http_headers` that are no secrets.
HeaderList injected_values(const std::vector<InjectedHeader>& headers);
/// Its secrets, and what its files hold without the white space around it.
Result<HeaderList> own_injected_headers(const std::vector<InjectedHeader>& headers);

}  // namespace heal::probe
