// go.go - a tree of tens: a goroutine for each node, which sends its sum through a channel.
//
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

func sum(into chan int64, first, leaves int64) {
	if leaves == 1 {
		into <- first
		return
	}
	sums := make(chan int64)
	for i := int64(0); i < 10; i++ {
		go sum(sums, first+i*(leaves/10), leaves/10)
	}
	all := int64(0)
	for i := 0; i < 10; i++ {
		all += <-sums
	}
	into <- all
}

// As par_mean_ns of common/par.h.
func meanNs(run func()) float64 {
	run()
	start := time.Now()
	for runs := 1; ; runs++ {
		run()
		if passed := time.Since(start); passed >= 100*time.Millisecond {
			return float64(passed.Nanoseconds()) / float64(runs)
		}
	}
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	leaves := int64(10)
	for leaves*10 <= int64(n) {
		leaves *= 10
	}
	ns := meanNs(func() {
		into := make(chan int64)
		go sum(into, 0, leaves)
		if <-into != leaves*(leaves-1)/2 {
			panic("skynet: a wrong answer")
		}
	})
	fmt.Printf("skynet %.6g ns\n", ns/float64(leaves))
}
