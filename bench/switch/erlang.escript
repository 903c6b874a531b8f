#!/usr/bin/env escript
%% erlang.escript - 1000 processes that do nothing but yield.
%% SPDX-License-Identifier: MIT
-mode(compile).

-define(TASKS, 1000).

main([_Case, _Workers, N]) ->
    Rounds = list_to_integer(N) div ?TASKS,
    run(Rounds div 10 + 1),
    io:format("switch ~.2f ns~n", [run(Rounds) / (Rounds * ?TASKS)]).

run(Rounds) ->
    Start = erlang:monotonic_time(nanosecond),
    Tasks = [spawn_monitor(fun() -> yielder(Rounds) end) || _ <- lists:seq(1, ?TASKS)],
    [receive {'DOWN', Ref, process, Pid, normal} -> ok end || {Pid, Ref} <- Tasks],
    erlang:monotonic_time(nanosecond) - Start.

yielder(0) -> ok;
yielder(Rounds) -> erlang:yield(), yielder(Rounds - 1).
