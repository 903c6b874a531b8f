# discover.cmake - after the test binary is built, asks it for its tests and writes them for ctest.
# Lists come in with | between their members; LEFT is a pattern of room/name, and what matches is
# left out.  Run by tests/CMakeLists.txt with cmake -P.
# SPDX-License-Identifier: MIT
cmake_minimum_required(VERSION 3.24)
foreach(list EMULATOR ROOMS ENV)
    string(REPLACE "|" ";" ${list} "${${list}}")
endforeach()

execute_process(COMMAND ${EMULATOR} ${PROGRAM} --list
    OUTPUT_VARIABLE listed OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE code)
if(NOT code EQUAL 0)
    message(FATAL_ERROR "${PROGRAM} --list: ${code}")
endif()

string(REPLACE "\n" ";" lines "${listed}")
set(text "")
foreach(line ${lines})
    string(REPLACE "\t" ";" fields "${line}")
    list(GET fields 0 name)
    list(GET fields 1 room)
    list(GET fields 2 timeout)
    if(ROOMS AND NOT room IN_LIST ROOMS)
        continue()
    endif()
    if(LEFT AND "${room}/${name}" MATCHES "${LEFT}")
        continue()
    endif()
    math(EXPR timeout "${timeout} * ${FACTOR} + 60")
    string(APPEND text "add_test([==[${PREFIX}${name}]==]")
    foreach(word ${EMULATOR} ${PROGRAM} --run ${name})
        string(APPEND text " [==[${word}]==]")
    endforeach()
    string(APPEND text ")\nset_tests_properties([==[${PREFIX}${name}]==] PROPERTIES LABELS ${room} "
        "TIMEOUT ${timeout} SKIP_RETURN_CODE 77 ENVIRONMENT [==[${ENV}]==])\n")
endforeach()
file(WRITE ${RET} "${text}")
