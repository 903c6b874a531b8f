/* consumer.cpp - consumer.c compiled as C++.
 *
 * SPDX-License-Identifier: MIT
 */
#include "consumer.c"
