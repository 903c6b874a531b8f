# companions.cmake - the libraries beside libweft: each stands on a library of somebody else, and on
# the public headers of ours.
#
#   weft_companion(NAME SOURCES file... [LIBS target...] [PC_REQUIRES module...]
#                  [PRIVATE_INCLUDES dir...])
#
# makes libweft-NAME, shared (weft::NAME) and static (weft::NAME-static), its exports by
# packaging/weft-NAME.map, weft-NAME.pc, and a component of find_package(weft), which looks for LIBS
# itself, so that who does not ask for it needs none of them.  LIBS: what it stands on, also for who
# links it statically; PC_REQUIRES: the same for pkg-config.  One that lacks its library is left
# out, with a message, and so are its tests and examples: they ask `if(TARGET weft-NAME)`.
# SPDX-License-Identifier: MIT
function(weft_companion name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS;PC_REQUIRES;PRIVATE_INCLUDES")
    set(target weft-${name})
    set(map ${PROJECT_SOURCE_DIR}/packaging/${target}.map)
    add_library(${target}-objects OBJECT ${arg_SOURCES})
    target_link_libraries(${target}-objects PRIVATE weft-flags Threads::Threads ${arg_LIBS})
    target_include_directories(${target}-objects SYSTEM PRIVATE ${arg_PRIVATE_INCLUDES})
    set_target_properties(${target}-objects PROPERTIES POSITION_INDEPENDENT_CODE ON
        C_EXTENSIONS ON)

    add_library(${target} SHARED $<TARGET_OBJECTS:${target}-objects>)
    add_library(${target}-static STATIC $<TARGET_OBJECTS:${target}-objects>)
    add_library(weft::${name} ALIAS ${target})
    add_library(weft::${name}-static ALIAS ${target}-static)
    set_target_properties(${target} ${target}-static PROPERTIES OUTPUT_NAME ${target}
        LINKER_LANGUAGE C)
    set_target_properties(${target} PROPERTIES EXPORT_NAME ${name} VERSION ${PROJECT_VERSION}
        SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR} LINK_DEPENDS ${map})
    set_target_properties(${target}-static PROPERTIES EXPORT_NAME ${name}-static)
    target_link_options(${target} PRIVATE -Wl,--version-script=${map} -Wl,-z,noexecstack -Wl,-z,now
        -Wl,-z,defs)
    target_link_libraries(${target} PUBLIC weft PRIVATE ${arg_LIBS})
    target_link_libraries(${target}-static PUBLIC weft-static ${arg_LIBS})

    install(TARGETS ${target} ${target}-static EXPORT ${target}-targets
        LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev)
    install(EXPORT ${target}-targets NAMESPACE weft:: DESTINATION ${weft_package_dir} COMPONENT dev)
    set(weft_companion_name ${target})
    list(JOIN arg_PC_REQUIRES " " weft_companion_requires)
    configure_file(${PROJECT_SOURCE_DIR}/packaging/weft-companion.pc.in ${target}.pc @ONLY)
    install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${target}.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)
endfunction()

function(weft_companion_sources room ret)
    file(GLOB sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${room}/*.c)
    list(FILTER sources EXCLUDE REGEX "_(test|model|fuzz|bench)\\.c$")
    set(${ret} ${sources} PARENT_SCOPE)
endfunction()

# ---- http: on llhttp, whose C sources Debian has in node-llhttp; they are compiled in.  All their
# names are changed, so that a program with an llhttp of its own can link ours statically.
find_path(WEFT_LLHTTP_INCLUDE llhttp/llhttp.h PATHS /usr/share/include NO_CMAKE_FIND_ROOT_PATH)
find_path(WEFT_LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH
    NO_CMAKE_FIND_ROOT_PATH)
mark_as_advanced(WEFT_LLHTTP_INCLUDE WEFT_LLHTTP_SOURCES)
if(NOT WEFT_LLHTTP_INCLUDE OR NOT WEFT_LLHTTP_SOURCES)
    message(STATUS "no llhttp (Debian: node-llhttp): no libweft-http")
else()
    set(names "")
    foreach(file api.c http.c llhttp.c)
        file(READ ${WEFT_LLHTTP_SOURCES}/${file} text)
        string(REGEX MATCHALL "llhttp_[a-z0-9_]+ *\\(" found "${text}")
        list(APPEND names ${found})
    endforeach()
    list(TRANSFORM names REPLACE " *\\(" "")
    list(REMOVE_DUPLICATES names)
    list(TRANSFORM names REPLACE "(.+)" "#define \\1 weft__\\1\n")
    list(JOIN names "" names)
    set(weft_llhttp_names ${PROJECT_BINARY_DIR}/llhttp/llhttp_names.h)
    file(CONFIGURE OUTPUT ${weft_llhttp_names} CONTENT "${names}")

    weft_companion_sources(http weft_http_sources)
    set(weft_llhttp_sources ${WEFT_LLHTTP_SOURCES}/api.c ${WEFT_LLHTTP_SOURCES}/http.c
        ${WEFT_LLHTTP_SOURCES}/llhttp.c)
    weft_companion(http SOURCES ${weft_http_sources} ${weft_llhttp_sources}
        PRIVATE_INCLUDES ${WEFT_LLHTTP_INCLUDE} ${WEFT_LLHTTP_INCLUDE}/llhttp)
    target_compile_definitions(weft-http-objects PRIVATE LLHTTP_STRICT_MODE=1)
    target_compile_options(weft-http-objects PRIVATE -include ${weft_llhttp_names})
    set_source_files_properties(${weft_llhttp_sources} PROPERTIES COMPILE_OPTIONS -w)
endif()

# ---- tls: on OpenSSL
if(NOT CMAKE_CROSSCOMPILING) # what is found here is this machine's
    find_package(OpenSSL 3.0 QUIET)
endif()
if(NOT OPENSSL_FOUND)
    message(STATUS "no OpenSSL 3 (Debian: libssl-dev): no libweft-tls")
else()
    weft_companion_sources(tls weft_tls_sources)
    weft_companion(tls SOURCES ${weft_tls_sources} LIBS OpenSSL::SSL OpenSSL::Crypto
        PC_REQUIRES libssl libcrypto)
endif()
