# flags.cmake - two bundles of flags: weft-flags for our own code, weft-warnings for its users here.
#
# Bundles, not CMAKE_C_FLAGS: a project that adds us as a subdirectory keeps its own flags.
# initial-exec: a thread-local read is one instruction and cannot be cached across a switch of
# stacks.  Frame pointers: debuggers and perf walk task stacks by them.
# SPDX-License-Identifier: MIT
include(CheckIncludeFile)

add_library(weft-warnings INTERFACE)
target_compile_options(weft-warnings INTERFACE
    -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wpointer-arith -Wvla
    -Wimplicit-fallthrough $<$<BOOL:${WEFT_WERROR}>:-Werror>)

# Whatever is linked with sanitized code must be sanitized too, so this one reaches our users.
add_library(weft-instrument INTERFACE)
if(WEFT_SANITIZE)
    target_compile_options(weft-instrument INTERFACE
        -fsanitize=${WEFT_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(weft-instrument INTERFACE -fsanitize=${WEFT_SANITIZE})
endif()
if(WEFT_COVERAGE)
    target_compile_options(weft-instrument INTERFACE --coverage -fprofile-update=atomic)
    target_link_options(weft-instrument INTERFACE --coverage)
endif()

add_library(weft-flags INTERFACE)
target_link_libraries(weft-flags INTERFACE weft-warnings weft-instrument)
target_compile_definitions(weft-flags INTERFACE _GNU_SOURCE= $<$<BOOL:${WEFT_DEBUG}>:WEFT_DEBUG=1>)
target_include_directories(weft-flags INTERFACE
    ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
target_compile_options(weft-flags INTERFACE
    -std=gnu11 -ftls-model=initial-exec -fno-omit-frame-pointer -fvisibility=hidden
    -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=)

check_include_file(valgrind/valgrind.h WEFT_FOUND_VALGRIND_H)
if(WEFT_FOUND_VALGRIND_H AND NOT CMAKE_CROSSCOMPILING)
    target_compile_definitions(weft-flags INTERFACE WEFT_HAVE_VALGRIND=1)
endif()
