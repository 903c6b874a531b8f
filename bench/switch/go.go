// go.go - 1000 goroutines that do nothing but yield.
//
// Against Go: Gosched puts the goroutine on the global queue, behind a lock; it is the only yield
// that Go has.
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

const tasks = 1000

func run(rounds int) time.Duration {
	var all sync.WaitGroup
	start := time.Now()
	all.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			for j := 0; j < rounds; j++ {
				runtime.Gosched()
			}
			all.Done()
		}()
	}
	all.Wait()
	return time.Since(start)
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	rounds := n / tasks
	run(rounds/10 + 1)
	fmt.Printf("switch %.6g ns\n", float64(run(rounds).Nanoseconds())/float64(rounds*tasks))
}
