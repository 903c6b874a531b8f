#!/usr/bin/env escript
%% erlang.escript - very many processes, all asleep in receive: memory and creation of each, then
%% the wake of all.
%%
%% Against Erlang: it has no broadcast, so the waker keeps a list of all and sends to one after
%% another.
%% SPDX-License-Identifier: MIT
-mode(compile).

main([_Case, _Workers, Arg]) ->
    N = list_to_integer(Arg),
    run(1000),
    {Bytes, Create, Wake} = run(N),
    io:format("bytes ~.1f bytes~ncreate ~.2f ns~nwake ~.2f ns~n",
              [Bytes / N, Create / N, Wake / N]).

run(N) ->
    Main = self(),
    Count = atomics:new(2, []),
    Before = memory(),
    Start = now_ns(),
    All = [spawn(fun() -> sleeper(Main, Count, N) end) || _ <- lists:seq(1, N)],
    receive {all, 1} -> ok end,
    Created = now_ns(),
    Bytes = memory() - Before,
    Waking = now_ns(),
    [Pid ! wake || Pid <- All],
    receive {all, 2} -> ok end,
    {Bytes, Created - Start, now_ns() - Waking}.

sleeper(Main, Count, N) ->
    pass(Main, Count, 1, N),
    receive wake -> ok end,
    pass(Main, Count, 2, N).

%% The last one to pass tells the main process, so that not every one has to.
pass(Main, Count, Gate, N) ->
    case atomics:add_get(Count, Gate, 1) of
        N -> Main ! {all, Gate};
        _ -> ok
    end.

now_ns() -> erlang:monotonic_time(nanosecond).

%% Resident pages and page tables, in bytes.
memory() ->
    {ok, Status} = file:read_file("/proc/self/status"),
    {match, Found} = re:run(Status, "Vm(?:RSS|PTE):\\s+(\\d+)", [global, {capture, [1], list}]),
    1024 * lists:sum([list_to_integer(Kilobytes) || [Kilobytes] <- Found]).
