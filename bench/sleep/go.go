// go.go - a goroutine that sleeps for a millisecond, again and again: how much too long.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

func run(n int) time.Duration {
	var late time.Duration
	for i := 0; i < n; i++ {
		start := time.Now()
		time.Sleep(time.Millisecond)
		late += time.Since(start) - time.Millisecond
	}
	return late
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	run(n/10 + 1)
	fmt.Printf("sleep_1ms %.6g us\n", float64(run(n).Nanoseconds())/float64(n)/1000)
}
