// go.go - values through channels: ping-pong by rendezvous, and streams through a channel of 128.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"time"
)

const capacity = 128

func rendezvous(n int) {
	there, back := make(chan int), make(chan int)
	var all sync.WaitGroup
	all.Add(2)
	go func() {
		for i := 0; i < n; i++ {
			back <- <-there
		}
		all.Done()
	}()
	go func() {
		for i := 0; i < n; i++ {
			there <- i
			<-back
		}
		all.Done()
	}()
	all.Wait()
}

func bounded(n, pairs int) {
	ch := make(chan int, capacity)
	var producers, consumers sync.WaitGroup
	producers.Add(pairs)
	consumers.Add(pairs)
	for i := 0; i < pairs; i++ {
		go func() {
			for range ch {
			}
			consumers.Done()
		}()
		go func() {
			for j := 0; j < n/pairs; j++ {
				ch <- j
			}
			producers.Done()
		}()
	}
	producers.Wait()
	close(ch)
	consumers.Wait()
}

func run(name string, n int) time.Duration {
	start := time.Now()
	switch name {
	case "rendezvous":
		rendezvous(n)
	case "chan128_1p1c":
		bounded(n, 1)
	case "chan128_4p4c":
		bounded(n, 4)
	}
	return time.Since(start)
}

func main() {
	name := os.Args[1]
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	run(name, n/10+4)
	fmt.Printf("%s %.6g ns\n", name, float64(run(name, n).Nanoseconds())/float64(n))
}
