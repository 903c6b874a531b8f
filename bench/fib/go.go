// go.go - fib with a goroutine for each other call, without a cut-off.
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

func fib(n int64) int64 {
	if n < 2 {
		return n
	}
	var first int64
	var done sync.WaitGroup
	done.Add(1)
	go func() {
		first = fib(n - 1)
		done.Done()
	}()
	second := fib(n - 2)
	done.Wait()
	return first + second
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
	k, value, before, calls, callsBefore := int64(1), int64(1), int64(0), 1, 1
	for calls+callsBefore+1 <= n {
		k, value, before = k+1, value+before, value
		calls, callsBefore = calls+callsBefore+1, calls
	}
	ns := meanNs(func() {
		if fib(k) != value {
			panic("fib: a wrong answer")
		}
	})
	fmt.Printf("fib %.6g ns\n", ns/float64(calls))
}
