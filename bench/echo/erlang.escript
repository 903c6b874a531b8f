#!/usr/bin/env escript
%% erlang.escript - an echo server: a process for each connection.
%%
%% Its schedulers are told not to spin when idle: that would count as a cost of requests.
%% SPDX-License-Identifier: MIT
%%! +sbwt none +sbwtdcpu none +sbwtdio none +Q 65536
-mode(compile).

main([_Case, _Workers, Port]) ->
    {ok, Listener} = gen_tcp:listen(list_to_integer(Port),
                                    [binary, {ip, {127, 0, 0, 1}}, {active, false}, {nodelay, true},
                                     {reuseaddr, true}, {backlog, 4096}, {buffer, 512}]),
    accept(Listener).

accept(Listener) ->
    {ok, Socket} = gen_tcp:accept(Listener),
    Pid = spawn(fun() -> receive go -> attend(Socket) end end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! go,
    accept(Listener).

attend(Socket) ->
    case gen_tcp:recv(Socket, 0) of
        {ok, Data} ->
            gen_tcp:send(Socket, Data),
            attend(Socket);
        {error, _} ->
            gen_tcp:close(Socket)
    end.
