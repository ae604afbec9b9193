# Language level, warnings, sanitizers and coverage, as INTERFACE targets that every own target links privately.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(THREADS_PREFER_PTHREAD_FLAG ON)

find_program(HEAL_CCACHE ccache)
if(HEAL_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Paths below the root count as relative ones, so that the clones on a machine share what they compile.
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1)
  if(HEAL_PRECOMPILE)
    # Without these it would not keep what is compiled with a precompiled header.
    list(APPEND CMAKE_CXX_COMPILER_LAUNCHER CCACHE_SLOPPINESS=pch_defines,time_macros)
  endif()
  list(APPEND CMAKE_CXX_COMPILER_LAUNCHER "${HEAL_CCACHE}")
endif()

add_library(heal_warnings INTERFACE)
target_compile_options(heal_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Woverloaded-virtual -Wextra-semi
  $<$<BOOL:${HEAL_DEV}>:-Werror>
  # GCC 12 reports these inside libstdc++'s own string and variant code at -O1 and above.
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict -Wno-maybe-uninitialized>
  # In a unity build GCC takes each file for a header, whose classes must not have members of a file-local type.
  $<$<AND:$<CXX_COMPILER_ID:GNU>,$<BOOL:${CMAKE_UNITY_BUILD}>>:-Wno-subobject-linkage>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)

add_library(heal_settings INTERFACE)
target_include_directories(heal_settings INTERFACE "${PROJECT_SOURCE_DIR}" "${PROJECT_BINARY_DIR}/generated")
if(HEAL_PRECOMPILE)
  # A precompiled header fits only units that agree on this, and the flags of some packages name it.
  target_compile_options(heal_settings INTERFACE -pthread)
endif()
if(HEAL_DEV)
  # __FILE__ from the root on: it would differ between clones.
  target_compile_options(heal_settings INTERFACE "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=")
endif()
if(HEAL_SANITIZE)
  target_compile_options(heal_settings INTERFACE -fsanitize=${HEAL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(heal_settings INTERFACE -fsanitize=${HEAL_SANITIZE})
  if(HEAL_SANITIZE MATCHES thread AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(heal_settings INTERFACE -Wno-tsan)
  endif()
endif()
if(HEAL_FUZZ)
  target_compile_options(heal_settings INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(heal_settings INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(HEAL_COVERAGE)
  target_compile_options(heal_settings INTERFACE --coverage)
  target_link_options(heal_settings INTERFACE --coverage)
endif()

# What `--version` and *_build_info report.
execute_process(COMMAND git -C "${PROJECT_SOURCE_DIR}" rev-parse --short=12 HEAD
  OUTPUT_VARIABLE HEAL_REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT HEAL_REVISION)
  set(HEAL_REVISION unknown)
endif()
configure_file("${PROJECT_SOURCE_DIR}/common/cmake/version.h.in" "${PROJECT_BINARY_DIR}/generated/heal_version.h" @ONLY)
if(HEAL_TESTS)
  # In a header, not on the command line: only the files that name a path differ between two clones.
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/heal_test_paths.h" CONTENT [[
#pragma once
#define HEAL_SOURCE_DIR "@PROJECT_SOURCE_DIR@"
#define HEAL_BIN_DIR "@PROJECT_BINARY_DIR@/bin"
]] @ONLY)
endif()
