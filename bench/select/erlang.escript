#!/usr/bin/env escript
%% erlang.escript - one consumer takes from 8 producers, who each wait until their message is taken.
%%
%% For Erlang: a process has one mailbox, so taking from any of 8 is no search.  Against it: a
%% message that waits to be taken costs an answer.
%% SPDX-License-Identifier: MIT
-mode(compile).

-define(CHANNELS, 8).

main([_Case, _Workers, N]) ->
    Each = list_to_integer(N) div ?CHANNELS,
    run(Each div 10 + 1),
    io:format("select8 ~.2f ns~n", [run(Each) / (Each * ?CHANNELS)]).

run(Each) ->
    Start = erlang:monotonic_time(nanosecond),
    Consumer = self(),
    [spawn_link(fun() -> producer(Consumer, Each) end) || _ <- lists:seq(1, ?CHANNELS)],
    consumer(Each * ?CHANNELS),
    erlang:monotonic_time(nanosecond) - Start.

producer(_, 0) -> ok;
producer(Consumer, N) ->
    Consumer ! {self(), N},
    receive taken -> producer(Consumer, N - 1) end.

consumer(0) -> ok;
consumer(N) ->
    receive {Producer, Value} when is_integer(Value) -> Producer ! taken end,
    consumer(N - 1).
