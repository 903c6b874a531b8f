# tools.cmake - the command `weft`, and whichever of examples, demo and bench are here.
# SPDX-License-Identifier: MIT
foreach(dir tools examples demo bench)
    if(EXISTS ${PROJECT_SOURCE_DIR}/${dir}/CMakeLists.txt)
        add_subdirectory(${dir})
    endif()
endforeach()
