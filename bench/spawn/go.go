// go.go - starts 1000 goroutines that do nothing, waits for all, again and again.
//
// For Go: a WaitGroup says only that all have ended; it keeps no result and no failure of any.
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

const batch = 1000

func run(batches int) time.Duration {
	start := time.Now()
	for i := 0; i < batches; i++ {
		var all sync.WaitGroup
		all.Add(batch)
		for j := 0; j < batch; j++ {
			go all.Done()
		}
		all.Wait()
	}
	return time.Since(start)
}

func main() {
	workers, _ := strconv.Atoi(os.Args[2])
	n, _ := strconv.Atoi(os.Args[3])
	runtime.GOMAXPROCS(workers)
	batches := n / batch
	run(batches/10 + 1)
	fmt.Printf("spawn %.6g ns\n", float64(run(batches).Nanoseconds())/float64(batches*batch))
}
