# heal_precompile(target program|test): with HEAL_PRECOMPILE, the target gets the heavy headers of others as one precompiled
#   header, which clang gains by (a fifth of a cold build) and GCC does not. It hides what a unit forgets to include,
#   as unity builds do: clang-tidy, which reads every file alone, finds that.
function(heal_precompile target kind)
  if(NOT HEAL_PRECOMPILE)
    return()
  endif()
  set(owner heal_precompiled_${kind})
  if(NOT TARGET ${owner})
    set(empty "${PROJECT_BINARY_DIR}/generated/precompiled_${kind}.cc")
    file(CONFIGURE OUTPUT "${empty}" CONTENT "")
    add_library(${owner} OBJECT "${empty}")
    target_link_libraries(${owner} PRIVATE heal_settings heal_warnings dep::fmt dep::expected dep::json)
    target_compile_options(${owner} PRIVATE "SHELL:-Xclang -fno-pch-timestamp")  # so that ccache can tell that it is the same
    target_precompile_headers(${owner} PRIVATE <algorithm> <atomic> <chrono> <condition_variable> <deque> <filesystem> <functional>
      <map> <memory> <mutex> <optional> <set> <stop_token> <string> <thread> <unordered_map> <variant> <vector>
      <fmt/format.h> <nlohmann/json.hpp> <tl/expected.hpp> $<$<STREQUAL:${kind},test>:<catch2/catch.hpp$<ANGLE-R>>)
  endif()
  target_precompile_headers(${target} REUSE_FROM ${owner})
endfunction()

# heal_library(name SOURCES a.cc … [DEPS own…] [PRIVATE dep::…] [PUBLIC dep::…])
#   One module: target heal_<name>, alias heal::<name>. DEPS name modules and must agree with tests/lint/layering.
function(heal_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE;PUBLIC" ${ARGN})
  list(TRANSFORM ARG_DEPS PREPEND heal::)
  if(ARG_SOURCES)
    add_library(heal_${name} STATIC ${ARG_SOURCES})
    target_link_libraries(heal_${name} PUBLIC heal_settings ${ARG_DEPS} ${ARG_PUBLIC} PRIVATE heal_warnings ${ARG_PRIVATE})
    heal_precompile(heal_${name} program)
  else()
    add_library(heal_${name} INTERFACE)
    target_link_libraries(heal_${name} INTERFACE heal_settings ${ARG_DEPS} ${ARG_PUBLIC})
  endif()
  add_library(heal::${name} ALIAS heal_${name})
endfunction()

# What tests run, and what is built for the tests of a label: `label_unit` and so on.
add_custom_target(programs)
function(heal_label target)
  foreach(label IN LISTS ARGN)
    if(NOT TARGET label_${label})
      add_custom_target(label_${label})
    endif()
    add_dependencies(label_${label} ${target})
  endforeach()
endfunction()

# heal_program(name SOURCES main.cc DEPS own…): one executable in bin/.
function(heal_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PRIVATE" ${ARGN})
  list(TRANSFORM ARG_DEPS PREPEND heal::)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE heal_settings heal_warnings ${ARG_DEPS} ${ARG_PRIVATE})
  heal_precompile(${name} program)
  add_dependencies(programs ${name})
endfunction()

# heal_test(name LABEL unit|golden|contract|crash [THREADS] SOURCES … DEPS own… [TIMEOUT s]): one Catch2 binary, one ctest
#   entry. THREADS: what it tests has threads; it is run under ThreadSanitizer too.
function(heal_test name)
  cmake_parse_arguments(ARG "THREADS" "LABEL;TIMEOUT" "SOURCES;DEPS;PRIVATE" ${ARGN})
  if(ARG_THREADS)
    list(APPEND ARG_LABEL threads)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(HEAL_SANITIZE)
    math(EXPR ARG_TIMEOUT "${ARG_TIMEOUT} * 4")  # sanitizers make everything several times slower
  endif()
  list(TRANSFORM ARG_DEPS PREPEND heal::)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE heal_settings heal_warnings ${ARG_DEPS} ${ARG_PRIVATE} dep::catch2)
  heal_precompile(${name} test)
  add_test(NAME ${name} COMMAND ${name} --durations no)
  # What may take long begins first, so that none of it is left over at the end.
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABEL}" TIMEOUT ${ARG_TIMEOUT} COST ${ARG_TIMEOUT})
  heal_label(${name} ${ARG_LABEL})
endfunction()
