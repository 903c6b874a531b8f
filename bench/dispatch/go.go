// go.go - a loop of as many items as there are CPUs, a goroutine for each but the last.
//
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
	"sync"
	"time"
)

type loop struct {
	items, rounds int64
	uneven        bool
}

// As loop_work of common/loop.h; what it returns has to be kept.
func work(rounds int64) uint64 {
	x := uint64(rounds) | 1
	for i := int64(0); i < rounds; i++ {
		x = x*6364136223846793005 + 1
	}
	return x
}

var never uint64

func (l loop) item(i int64) {
	rounds := l.rounds
	if l.uneven {
		rounds = 2 * l.rounds * i / l.items
	}
	if x := work(rounds); x == 42 {
		never = x
	}
}

func roundsOf(ns float64) int64 {
	best := 0.0
	for turn := 0; turn < 3; turn++ {
		start := time.Now()
		if x := work(1000000); x == 42 {
			never = x
		}
		each := float64(time.Since(start).Nanoseconds()) / 1e6
		if best == 0 || each < best {
			best = each
		}
	}
	return int64(ns/best) + 1
}

func run(l loop) {
	var done sync.WaitGroup
	done.Add(int(l.items) - 1)
	for i := int64(1); i < l.items; i++ {
		go func(i int64) {
			l.item(i)
			done.Done()
		}(i)
	}
	l.item(0)
	done.Wait()
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	l, beyond := loop{items: int64(workers)}, 0.0
	if os.Args[1] == "apart" {
		beyond = 2000
		l.rounds = roundsOf(beyond)
	}
	for i := 0; i < n/10+1; i++ {
		run(l)
	}
	batches := make([]float64, n/100+1)
	for k := range batches {
		start := time.Now()
		for i := 0; i < 100; i++ {
			run(l)
		}
		batches[k] = float64(time.Since(start).Nanoseconds()) / 100
	}
	sort.Float64s(batches)
	fmt.Printf("%s %.6g ns\n", os.Args[1], batches[len(batches)/2]-beyond)
}
