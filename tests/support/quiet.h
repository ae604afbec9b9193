#pragma once

#include "common/sim/quiet.h"

namespace heal::test {

using heal::all_others_sleep;

}  // namespace heal::test
