// go.go - loops over items of a known time: a goroutine for each, and an equal part for each CPU.
//
// Against Go: it has no parallel loop, so an item handed out singly is a goroutine.
//
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

func pieces(l loop, workers int) {
	var done sync.WaitGroup
	done.Add(int(l.items))
	for i := int64(0); i < l.items; i++ {
		go func(i int64) {
			l.item(i)
			done.Done()
		}(i)
	}
	done.Wait()
}

func byItself(l loop, workers int) {
	var done sync.WaitGroup
	done.Add(workers)
	for part := 0; part < workers; part++ {
		go func(part int64) {
			for i := l.items * part / int64(workers); i < l.items*(part+1)/int64(workers); i++ {
				l.item(i)
			}
			done.Done()
		}(int64(part))
	}
	done.Wait()
}

// As loop_over_serial of common/loop.h.
func overSerial(l loop, workers int, run func(l loop, workers int)) float64 {
	serial, shared := time.Hour, time.Hour
	for turn := 0; turn < 4; turn++ {
		start := time.Now()
		for i := int64(0); i < l.items; i++ {
			l.item(i)
		}
		if passed := time.Since(start); passed < serial {
			serial = passed
		}
		start = time.Now()
		run(l, workers)
		if passed := time.Since(start); passed < shared {
			shared = passed
		}
	}
	return shared.Seconds() / serial.Seconds()
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	if os.Args[1] == "auto" {
		l := loop{int64(n/100 + 1), roundsOf(100), true}
		fmt.Printf("auto %.6g x\n", overSerial(l, workers, byItself))
		return
	}
	for _, ns := range []float64{100, 300, 1000, 3000, 10000, 30000, 100000} {
		l := loop{int64(float64(n)/ns) + 1, roundsOf(ns), false}
		fmt.Printf("grain_%gns %.6g x\n", ns, overSerial(l, workers, pieces))
	}
}
