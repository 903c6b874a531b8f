#!/usr/bin/env escript
%% erlang.escript - processes that wake each millisecond, beside ones that compute without letting
%% go.
%%
%% The emulator counts reductions and takes the scheduler from a hog after 4000 of them, so it has
%% no need to yield; timers have a resolution of about a millisecond, which is in the value.
%% SPDX-License-Identifier: MIT
-mode(compile).

-define(OTHERS, 20).
-define(MS, 1000000).

main([Case, Workers, Arg]) ->
    N = list_to_integer(Arg),
    Hogs = case Case of "all" -> list_to_integer(Workers); "one" -> 1 end,
    run(Hogs, N div 10 + 1),
    io:format("~s ~.4f ms~n", [Case, run(Hogs, N) / ?MS]).

run(Hogs, Ms) ->
    Ends = now_ns() + Ms * ?MS,
    Worst = atomics:new(1, []),
    All = [spawn_monitor(fun() -> other(Ends, Worst) end) || _ <- lists:seq(1, ?OTHERS)]
        ++ [spawn_monitor(fun() -> hog(Ends) end) || _ <- lists:seq(1, Hogs)],
    [receive {'DOWN', Ref, process, Pid, normal} -> ok end || {Pid, Ref} <- All],
    atomics:get(Worst, 1).

hog(Ends) ->
    case now_ns() < Ends of
        true -> hog(Ends);
        false -> ok
    end.

other(Ends, Worst) ->
    Start = now_ns(),
    case Start < Ends of
        true ->
            receive after 1 -> ok end,
            note_worst(Worst, now_ns() - Start - ?MS, atomics:get(Worst, 1)),
            other(Ends, Worst);
        false ->
            ok
    end.

note_worst(_, Late, Seen) when Late =< Seen -> ok;
note_worst(Worst, Late, Seen) ->
    case atomics:compare_exchange(Worst, 1, Seen, Late) of
        ok -> ok;
        Now -> note_worst(Worst, Late, Now)
    end.

now_ns() -> erlang:monotonic_time(nanosecond).
