# library.cmake - one set of objects becomes libweft.a and libweft.so.
# SPDX-License-Identifier: MIT
set(CMAKE_THREAD_PREFER_PTHREAD TRUE)
set(THREADS_PREFER_PTHREAD_FLAG TRUE)
find_package(Threads REQUIRED)

# The rooms' files, without their neighbours that are programs or tests, with one stack switch and
# one way to set the thread pointer.
file(GLOB weft_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/*/*.c)
list(FILTER weft_sources EXCLUDE REGEX "_(test|model|fuzz|bench)\\.c$")
list(FILTER weft_sources EXCLUDE REGEX "/arch/(ctx|tls)_[a-z0-9_]+\\.c$")
list(FILTER weft_sources EXCLUDE REGEX "/src/(tls|http)/") # libraries of their own
if(WEFT_CTX)
    set(weft_ctx ${WEFT_CTX})
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    set(weft_ctx x86_64)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(weft_ctx aarch64)
else()
    set(weft_ctx ucontext)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
    set(weft_tls x86_64)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
    set(weft_tls aarch64)
else()
    set(weft_tls none)
endif()
list(APPEND weft_sources ${PROJECT_SOURCE_DIR}/src/arch/ctx_${weft_ctx}.c
    ${PROJECT_SOURCE_DIR}/src/arch/tls_${weft_tls}.c)
if(weft_ctx STREQUAL "x86_64") # the switch handles branch tracking, not shadow stacks; see the file
    set_source_files_properties(${PROJECT_SOURCE_DIR}/src/arch/ctx_x86_64.c
        PROPERTIES COMPILE_OPTIONS -fcf-protection=branch)
endif()

file(GLOB weft_headers CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/*.h
    ${PROJECT_SOURCE_DIR}/include/weft/*.h ${PROJECT_SOURCE_DIR}/include/weft/unstable/*.h)

add_library(weft-objects OBJECT ${weft_sources})
target_link_libraries(weft-objects PRIVATE weft-flags Threads::Threads)
set_target_properties(weft-objects PROPERTIES POSITION_INDEPENDENT_CODE ON C_EXTENSIONS ON)

add_library(weft SHARED $<TARGET_OBJECTS:weft-objects>)
add_library(weft-static STATIC $<TARGET_OBJECTS:weft-objects>)
add_library(weft::weft ALIAS weft)
add_library(weft::static ALIAS weft-static)
set_target_properties(weft weft-static PROPERTIES OUTPUT_NAME weft LINKER_LANGUAGE C)
set_target_properties(weft-static PROPERTIES EXPORT_NAME static)

set_target_properties(weft PROPERTIES
    VERSION ${PROJECT_VERSION}
    SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
    LINK_DEPENDS ${PROJECT_SOURCE_DIR}/packaging/weft.map
    VERIFY_INTERFACE_HEADER_SETS ON)
target_link_options(weft PRIVATE
    -Wl,--version-script=${PROJECT_SOURCE_DIR}/packaging/weft.map -Wl,-z,noexecstack -Wl,-z,now)
foreach(library weft weft-static)
    target_link_options(${library} INTERFACE -Wl,-z,now) # who binds lazily has no dense stacks
endforeach()
target_sources(weft PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR}/include
    FILES ${weft_headers})
target_include_directories(weft-static INTERFACE
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)

target_link_libraries(weft PRIVATE Threads::Threads)
target_link_libraries(weft-static PUBLIC Threads::Threads)
foreach(library weft weft-static)
    target_link_libraries(${library} PUBLIC $<BUILD_INTERFACE:weft-instrument>)
    if(WEFT_DEBUG)
        target_compile_definitions(${library} PUBLIC WEFT_DEBUG=1)
    endif()
endforeach()
