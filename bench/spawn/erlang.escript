#!/usr/bin/env escript
%% erlang.escript - starts 1000 processes that do nothing, waits for all, again and again.
%%
%% The join is spawn_monitor: like a scope, and unlike a WaitGroup, it learns how each one ended.
%% SPDX-License-Identifier: MIT
-mode(compile).

-define(BATCH, 1000).

main([_Case, _Workers, N]) ->
    Batches = list_to_integer(N) div ?BATCH,
    run(Batches div 10 + 1),
    io:format("spawn ~.2f ns~n", [run(Batches) / (Batches * ?BATCH)]).

run(Batches) ->
    Start = erlang:monotonic_time(nanosecond),
    [batch() || _ <- lists:seq(1, Batches)],
    erlang:monotonic_time(nanosecond) - Start.

batch() ->
    Tasks = [spawn_monitor(fun() -> ok end) || _ <- lists:seq(1, ?BATCH)],
    [receive {'DOWN', Ref, process, Pid, normal} -> ok end || {Pid, Ref} <- Tasks],
    ok.
