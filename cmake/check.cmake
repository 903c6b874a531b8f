# check.cmake - libweft-check.so, which `weft check` preloads into the program under control.
#
# A library of its own, with flags of its own: it lies below other people's programs, so it is never
# instrumented, always optimised, and shows nothing but the functions that it puts before libc's.
# Sources: the engine and its strategies, base, and src/check/preload, which is nowhere else.  What
# searches and reports is not in it: that runs in the process of the command.
#
# Not built with a sanitizer, whose runtime wants to be first before libc itself, nor for a machine
# that is only emulated here; tests that need it are skipped then.
# SPDX-License-Identifier: MIT
if(WEFT_SANITIZE OR CMAKE_CROSSCOMPILING)
    return()
endif()
file(GLOB weft_check_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/check/*.c
    ${PROJECT_SOURCE_DIR}/src/check/preload/*.c ${PROJECT_SOURCE_DIR}/src/base/*.c)
list(FILTER weft_check_sources EXCLUDE REGEX "_(test|model|fuzz|bench)\\.c$")
# Of src/check only what runs a schedule; all that searches, shrinks and tells is the command's.
set(weft_check_command search bounded portfolio orders knowledge shrink climb confirm finish replay
    program explore report story place jsonout)
foreach(word ${weft_check_command})
    list(FILTER weft_check_sources EXCLUDE REGEX "/check/${word}[a-z_]*\\.c$")
endforeach()
list(APPEND weft_check_sources ${PROJECT_SOURCE_DIR}/src/arch/ctx_${weft_ctx}.c)
file(GLOB weft_check_preload CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/check/preload/*.c)
if(NOT weft_check_preload)
    return()
endif()

# A shared library, not a module: programs built by `weft cc` name it, too.
add_library(weft-check SHARED ${weft_check_sources})
target_link_libraries(weft-check PRIVATE weft-warnings Threads::Threads ${CMAKE_DL_LIBS})
target_compile_definitions(weft-check PRIVATE _GNU_SOURCE=)
target_include_directories(weft-check PRIVATE
    ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
# Our own memcpy and calloc must not be turned into calls of themselves.
target_compile_options(weft-check PRIVATE
    -std=gnu11 -O2 -g -ftls-model=initial-exec -fno-omit-frame-pointer -fvisibility=hidden
    -fno-stack-protector -U_FORTIFY_SOURCE -fno-builtin-malloc -fno-builtin-calloc
    -fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=
    $<$<C_COMPILER_ID:GNU>:-fno-tree-loop-distribute-patterns>
    $<$<NOT:$<C_COMPILER_ID:GNU>>:-fno-builtin-memcpy -fno-builtin-memset>)
target_link_options(weft-check PRIVATE -Wl,-z,noexecstack -Wl,-z,now -Wl,-z,defs)
set_target_properties(weft-check PROPERTIES OUTPUT_NAME weft-check C_STANDARD 11
    POSITION_INDEPENDENT_CODE ON LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR})
install(TARGETS weft-check LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT tools)
