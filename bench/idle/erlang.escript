#!/usr/bin/env escript
%% erlang.escript - what doing nothing costs: N processes that sleep, or one trivial one in each
%% millisecond.
%%
%% The emulator's busy waiting is left as it is delivered.  Its count of CPU time has steps of 1 ms.
%% SPDX-License-Identifier: MIT
-mode(compile).

-define(SECONDS, 2).

main([Case, _Workers, Arg]) ->
    N = list_to_integer(Arg),
    Used = case Case of "parked" -> parked(N); "1khz" -> each_ms(N) end,
    io:format("~s ~.3f %~n", [Case, Used / 1000 / ?SECONDS * 100]).

%% Milliseconds of CPU.
parked(N) ->
    All = [spawn_monitor(fun() -> receive wake -> ok end end) || _ <- lists:seq(1, N)],
    timer:sleep(500),
    Before = cpu_ms(),
    timer:sleep(?SECONDS * 1000),
    Used = cpu_ms() - Before,
    [Pid ! wake || {Pid, _} <- All],
    [join(One) || One <- All],
    Used.

each_ms(N) ->
    Before = cpu_ms(),
    each_ms_loop(N, ?SECONDS * 1000 div N, erlang:monotonic_time(millisecond)),
    cpu_ms() - Before.

each_ms_loop(0, _, _) -> ok;
each_ms_loop(N, Step, Last) ->
    When = Last + Step,
    erlang:start_timer(When, self(), tick, [{abs, true}]),
    receive {timeout, _, tick} -> ok end,
    join(spawn_monitor(fun() -> ok end)),
    each_ms_loop(N - 1, Step, When).

join({Pid, Ref}) -> receive {'DOWN', Ref, process, Pid, normal} -> ok end.

cpu_ms() -> element(1, statistics(runtime)).
