#!/usr/bin/env escript
%% erlang.escript - a storm of sleeps spread over one second; and a timer that is set and taken
%% back.
%%
%% `receive after` takes whole milliseconds; lateness is against the rounded time, which is kind to
%% it.
%% SPDX-License-Identifier: MIT
-mode(compile).

main([Case, _Workers, Arg]) ->
    N = list_to_integer(Arg),
    case Case of
        "storm" ->
            storm(1000),
            {Cpu, Late} = storm(N),
            io:format("cpu ~.3f s~nlate ~.3f ms~n", [Cpu / 1000, Late / 1000000]);
        "arm" ->
            arm(N div 10 + 1),
            io:format("arm_cancel ~.2f ns~n", [arm(N) / N])
    end.

%% Milliseconds of CPU, nanoseconds of the worst lateness.
storm(N) ->
    Main = self(),
    Shared = atomics:new(2, []),
    {Before, _} = statistics(runtime),
    start(0, N, fun(I) -> sleeper(Main, Shared, N, spread(I) div 1000000) end),
    receive all -> ok end,
    {After, _} = statistics(runtime),
    {After - Before, atomics:get(Shared, 2)}.

start(N, N, _) -> ok;
start(I, N, Fun) ->
    spawn(fun() -> Fun(I) end),
    start(I + 1, N, Fun).

sleeper(Main, Shared, N, Ms) ->
    Start = now_ns(),
    receive after Ms -> ok end,
    note_worst(Shared, now_ns() - Start - Ms * 1000000, atomics:get(Shared, 2)),
    case atomics:add_get(Shared, 1, 1) of
        N -> Main ! all;
        _ -> ok
    end.

note_worst(_, Late, Seen) when Late =< Seen -> ok;
note_worst(Shared, Late, Seen) ->
    case atomics:compare_exchange(Shared, 2, Seen, Late) of
        ok -> ok;
        Now -> note_worst(Shared, Late, Now)
    end.

%% The I-th sleep; the formula of bench_spread in common/bench.h.
spread(I) -> ((I * 2654435761) band 16#ffffffff) * 1000000000 bsr 32.

arm(N) ->
    Start = now_ns(),
    arm_loop(N),
    now_ns() - Start.

arm_loop(0) -> ok;
arm_loop(N) ->
    erlang:cancel_timer(erlang:start_timer(1000, self(), late)),
    arm_loop(N - 1).

now_ns() -> erlang:monotonic_time(nanosecond).
