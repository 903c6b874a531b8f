#!/usr/bin/env escript
%% erlang.escript - a process that sleeps for a millisecond, again and again: how much too long.
%%
%% Its timers count whole milliseconds and never come early, so about one more is to be expected.
%% SPDX-License-Identifier: MIT
-mode(compile).

main([_Case, _Workers, Arg]) ->
    N = list_to_integer(Arg),
    run(N div 10 + 1, 0),
    io:format("sleep_1ms ~.3f us~n", [run(N, 0) / N / 1000]).

run(0, Late) -> Late;
run(N, Late) ->
    Start = erlang:monotonic_time(nanosecond),
    receive after 1 -> ok end,
    run(N - 1, Late + erlang:monotonic_time(nanosecond) - Start - 1000000).
