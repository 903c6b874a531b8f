# install.cmake - what goes where: components runtime, dev, tools, doc.
# SPDX-License-Identifier: MIT
include(CMakePackageConfigHelpers)
set(weft_package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/weft)

install(TARGETS weft weft-static EXPORT weft-targets
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime NAMELINK_COMPONENT dev
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT dev
    FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(EXPORT weft-targets NAMESPACE weft:: DESTINATION ${weft_package_dir} COMPONENT dev)

configure_package_config_file(packaging/weftConfig.cmake.in weftConfig.cmake
    INSTALL_DESTINATION ${weft_package_dir})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/weftConfigVersion.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/weftConfig.cmake
    ${CMAKE_CURRENT_BINARY_DIR}/weftConfigVersion.cmake
    DESTINATION ${weft_package_dir} COMPONENT dev)

# weft.pc finds its prefix from where it lies itself, so an installed tree may be moved.
set(weft_pc_dir ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
file(RELATIVE_PATH weft_pc_libdir ${weft_pc_dir} ${CMAKE_INSTALL_FULL_LIBDIR})
file(RELATIVE_PATH weft_pc_includedir ${weft_pc_dir} ${CMAKE_INSTALL_FULL_INCLUDEDIR})
file(RELATIVE_PATH weft_pc_prefix ${weft_pc_dir} ${CMAKE_INSTALL_PREFIX})
foreach(dir libdir includedir prefix)
    string(REGEX REPLACE "/$" "" weft_pc_${dir} "${weft_pc_${dir}}")
endforeach()
configure_file(packaging/weft.pc.in weft.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/weft.pc
    DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc)
if(EXISTS ${PROJECT_SOURCE_DIR}/README.md)
    install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT doc)
endif()

# Manual pages are made of the headers, by a script; a build without Python is one without them.
find_program(WEFT_PYTHON3 python3)
mark_as_advanced(WEFT_PYTHON3)
if(NOT WEFT_PYTHON3)
    message(STATUS "no python3: no manual pages")
elseif(PROJECT_IS_TOP_LEVEL)
    set(weft_man_dir ${CMAKE_CURRENT_BINARY_DIR}/man)
    file(GLOB weft_man_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/*.[ch])
    add_custom_command(OUTPUT ${weft_man_dir}/stamp VERBATIM COMMENT "Making the manual pages"
        COMMAND ${WEFT_PYTHON3} ${PROJECT_SOURCE_DIR}/scripts/man.py
            ${PROJECT_SOURCE_DIR} ${weft_man_dir}
        COMMAND ${CMAKE_COMMAND} -E touch ${weft_man_dir}/stamp
        DEPENDS scripts/man.py docs/man/weft.1.in ${weft_headers} ${weft_man_sources})
    add_custom_target(man ALL DEPENDS ${weft_man_dir}/stamp)
    foreach(section man1 man3)
        install(DIRECTORY ${weft_man_dir}/${section} DESTINATION ${CMAKE_INSTALL_MANDIR}
            COMPONENT doc OPTIONAL)
    endforeach()
endif()
