#!/usr/bin/env escript
%% erlang.escript - messages between processes: ping-pong, and streams with at most 128 under way.
%%
%% Erlang has no channels.  Ping-pong goes through two mailboxes, which never make a sender wait, so
%% it is no rendezvous.  The bound of 128 is a window: the consumer returns a credit for each 64
%% messages.  For Erlang: 4p4c are four pairs that share nothing, where the others share one
%% channel.
%% SPDX-License-Identifier: MIT
-mode(compile).

-define(CAPACITY, 128).
-define(CREDIT, 64).

main([Case, _Workers, Arg]) ->
    N = list_to_integer(Arg),
    run(Case, N div 10 + 4),
    io:format("~s ~.2f ns~n", [Case, run(Case, N) / N]).

run(Case, N) ->
    Start = erlang:monotonic_time(nanosecond),
    case Case of
        "rendezvous" -> join([ping_pong(N)]);
        "chan128_1p1c" -> join([pair(N)]);
        "chan128_4p4c" -> join([pair(N div 4) || _ <- lists:seq(1, 4)])
    end,
    erlang:monotonic_time(nanosecond) - Start.

join(Tasks) ->
    [receive {'DOWN', Ref, process, Pid, normal} -> ok end || {Pid, Ref} <- Tasks].

ping_pong(N) ->
    Ponger = spawn_link(fun() -> ponger(N) end),
    spawn_monitor(fun() -> pinger(Ponger, N) end).

pinger(_, 0) -> ok;
pinger(Ponger, N) ->
    Ponger ! {self(), N},
    receive N -> pinger(Ponger, N - 1) end.

ponger(0) -> ok;
ponger(N) ->
    receive {Pinger, Value} -> Pinger ! Value end,
    ponger(N - 1).

pair(N) ->
    spawn_monitor(fun() ->
        Consumer = self(),
        Producer = spawn_link(fun() -> producer(Consumer, N, ?CAPACITY) end),
        consumer(Producer, N, ?CREDIT)
    end).

producer(_, 0, _) -> ok;
producer(Consumer, N, 0) ->
    receive credit -> producer(Consumer, N, ?CREDIT) end;
producer(Consumer, N, Room) ->
    Consumer ! N,
    producer(Consumer, N - 1, Room - 1).

consumer(_, 0, _) -> ok;
consumer(Producer, N, 0) ->
    Producer ! credit,
    consumer(Producer, N, ?CREDIT);
consumer(Producer, N, Left) ->
    receive N -> consumer(Producer, N - 1, Left - 1) end.
